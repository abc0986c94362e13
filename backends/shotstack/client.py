"""The client of Shotstack's Edit and Ingest APIs (2024-07): files in, renders asked for, states."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeVar

import stamina
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from pydantic import SecretStr
from yarl import URL

from backends.shotstack.errors import (
    OutcomeUnknown,
    ShotstackAway,
    ShotstackBusy,
    ShotstackFailed,
    ShotstackGone,
    clean,
)
from backends.shotstack.http import Calls, Sending, put, unnoticed
from backends.shotstack.rate_limiter import WINDOW, Limiter, Pace, Seen
from backends.shotstack.schemas import (
    Edited,
    Ingested,
    Queued,
    RenderStatus,
    Source,
    Stored,
    Taken,
    Upload,
)
from backends.state_file import Shelf

ADDRESS = "https://api.shotstack.io"
CONNECT_SECONDS = 10
ATTEMPTS = 5  #: of a question

Stage = Literal["stage", "v1"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Allowance:
    """Requests that a key may make in any window.

    Attributes:
        edit: renders and looks at them.
        ingest: uploads, looks at sources, deletions.
        window: seconds.
    """

    edit: int
    ingest: int
    window: float = WINDOW


#: as Shotstack states them for the sandbox and for production
ALLOWED: dict[Stage, Allowance] = {"stage": Allowance(150, 120), "v1": Allowance(300, 300)}


@dataclass(frozen=True, slots=True)
class Account:
    """Whose renders they are.

    Attributes:
        key: of the environment.
        stage: "stage" is the sandbox, "v1" is production.
        address: of the API.
        allowed: requests in a window; what Shotstack allows unless given.
    """

    key: SecretStr
    stage: Stage = "stage"
    address: str = ADDRESS
    allowed: Allowance | None = None

    def limiter(
        self, api: Literal["edit", "ingest"], kept: Shelf[Seen] | None, lag: float
    ) -> Limiter:
        """The limiter of one API; its name tells nobody the key."""
        allowed = self.allowed or ALLOWED[self.stage]
        mark = sha256(b"limiter " + self.key.get_secret_value().encode()).hexdigest()[:12]
        name = f"{mark} {self.stage} {api}"
        return Limiter(name, getattr(allowed, api), kept, window=allowed.window, lag=lag)


class Shotstack:
    """One account; all tasks of a process share one, and with it the limits."""

    def __init__(
        self,
        account: Account,
        session: ClientSession,
        outside: ClientSession,
        kept: Shelf[Seen] | None = None,
        pace: Pace | None = None,
    ) -> None:
        """See :func:`opened`, which makes the first session.

        Args:
            account: whose renders they are.
            session: for the API alone.
            outside: for the bytes of files, to addresses that Shotstack names; made by
                :func:`backends.links.ssrf_guard.guarded_session`.
            kept: where requests are written down, so that a restart does not forget them.
            pace: how long to wait.
        """
        self.pace = pace = pace or Pace()
        self._outside = outside
        base = URL(account.address)
        self._schemes = {"https", base.scheme}
        edit = account.limiter("edit", kept, pace.answer)
        ingest = account.limiter("ingest", kept, pace.answer)
        self._edit = Calls(session, base / "edit" / account.stage, account.key, edit, pace)
        self._ingest = Calls(session, base / "ingest" / account.stage, account.key, ingest, pace)

    async def upload(self, path: Path, begun: Callable[[str], None] = lambda _: None) -> Ingested:
        """Bring the file at *path* to Shotstack, and wait until renders can use it.

        Args:
            path: of the file.
            begun: is told the source's id before a byte of it goes out, so that whoever writes it
                down can delete it whatever happens.

        Raises:
            ShotstackFailed: it was refused as what it is.
            ShotstackError: see there; not OutcomeUnknown.
        """
        place = (await self._repeated(self._place)).data
        begun(place.id)
        link = place.attributes.url
        await self._repeated(lambda: put(self._outside, link, path, self._schemes, self.pace))
        async with _until(self.pace.ingest, "a source is not ready in time"):
            return await self._ready(place.id)

    async def _place(self) -> Taken[Upload]:
        return await self._ingest.json("POST", "upload", Taken[Upload])

    async def _ready(self, source: str) -> Ingested:
        began = asyncio.get_running_loop().time()
        while True:
            try:
                state = (await self.source(source)).attributes
            except ShotstackGone:
                if asyncio.get_running_loop().time() - began > self.pace.grace:
                    raise
            else:
                if state.status == "ready" and state.source:
                    return Ingested(id=source, url=state.source)
                if state.status in {"failed", "deleted", "overwritten"}:
                    raise ShotstackFailed(f"source {state.status}: {clean(state.error or '')}")
            await asyncio.sleep(self.pace.poll / 2)

    async def source(self, source: str) -> Source:
        """How far a source is.

        Raises:
            ShotstackGone: there is none of that id, or not yet.
            ShotstackError: nobody can tell.
        """
        path = f"sources/{source}"
        return (await self._repeated(lambda: self._ingest.json("GET", path, Taken[Source]))).data

    async def sources(self) -> list[Source]:
        """What lies at Shotstack.

        Raises:
            ShotstackError: nobody can tell.
        """
        shape = Taken[list[Source]]
        return (await self._repeated(lambda: self._ingest.json("GET", "sources", shape))).data

    async def delete_source(self, source: str) -> None:
        """Have Shotstack keep a source no longer; one that is gone already is fine.

        Raises:
            ShotstackError: it may still be there.
        """
        try:
            await self._repeated(lambda: self._ingest.tell("DELETE", f"sources/{source}"))
        except ShotstackGone:
            return

    async def render(self, edit: Mapping[str, Any], sending: Sending = unnoticed) -> str:
        """Ask once for a render of *edit*, and give its id; it may be billed.

        Args:
            edit: timeline, output and callback.
            sending: called when its turn has come, right before anything goes out; what it raises
                stops it.

        Raises:
            OutcomeUnknown: it may have been accepted; asking again might pay twice.
            ShotstackError: it surely was not accepted.
        """
        return await self._submitted("render", edit, sending)

    async def render_template(
        self, template: str, merge: Mapping[str, str], sending: Sending = unnoticed
    ) -> str:
        """Ask once for a render of a template with merge fields, and give its id.

        Such a render calls nobody back, so an outcome that is unknown remains so; :meth:`template`
        and :meth:`render` do.

        Raises:
            OutcomeUnknown: as for :meth:`render`.
            ShotstackError: as for :meth:`render`.
        """
        body = {"id": template, "merge": merged(merge)}
        return await self._submitted("templates/render", body, sending)

    async def template(self, template: str) -> dict[str, Any]:
        """The edit that a template holds; with ``merge`` added it can be rendered.

        Raises:
            ShotstackError: it is not to be had.
        """
        path, shape = f"templates/{template}", Edited[Stored]
        answer = await self._repeated(lambda: self._edit.json("GET", path, shape))
        return answer.response.template

    async def _submitted(self, path: str, body: Mapping[str, Any], sending: Sending) -> str:
        try:
            answer = await self._edit.json("POST", path, Edited[Queued], body, sending=sending)
        except ShotstackAway as err:
            if not err.reached:
                raise
            raise OutcomeUnknown(str(err)) from err
        return answer.response.id

    async def status(self, render: str) -> RenderStatus:
        """How far a render is.

        Raises:
            ShotstackGone: there is none of that id, or not yet.
            ShotstackError: nobody can tell.
        """
        path, shape, query = f"render/{render}", Edited[RenderStatus], {"data": "false"}
        ask = self._edit.json
        answer = await self._repeated(lambda: ask("GET", path, shape, query=query))
        if answer.response.id != render:
            raise ShotstackAway("another render's state")
        return answer.response

    async def _repeated(self, question: Callable[[], Awaitable[T]]) -> T:
        """What changes nothing, or nothing more when it is done twice, is asked again."""
        async for attempt in stamina.retry_context(
            (ShotstackAway, ShotstackBusy),  # the gate makes the second wait
            attempts=ATTEMPTS,
            timeout=self.pace.budget,
            wait_initial=self.pace.pause,
            wait_jitter=self.pace.pause,
            wait_max=10 * self.pace.pause,
        ):
            with attempt:
                return await question()
        raise AssertionError  # the last attempt raises


def merged(fields: Mapping[str, str]) -> list[dict[str, str]]:
    """Merge fields as the API takes them."""
    return [{"find": find, "replace": text} for find, text in fields.items()]


@asynccontextmanager
async def _until(seconds: float, text: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise ShotstackAway(text) from None


@asynccontextmanager
async def opened(
    account: Account,
    outside: ClientSession,
    kept: Shelf[Seen] | None = None,
    pace: Pace | None = None,
) -> AsyncIterator[Shotstack]:
    """A client with a session of its own, which uses each connection once.

    A kept connection may have been closed at the other end just when a render is asked for, and
    then nobody knows whether it was accepted.
    """
    async with ClientSession(
        connector=TCPConnector(force_close=True),
        timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
    ) as session:
        yield Shotstack(account, session, outside, kept, pace)
