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
    ShotstackFailed,
    ShotstackNotFound,
    ShotstackRateLimited,
    ShotstackUnavailable,
    sanitize,
)
from backends.shotstack.http import BeforeSend, ShotstackApi, do_nothing, upload_file
from backends.shotstack.rate_limiter import (
    WINDOW_SECONDS,
    RateLimiter,
    RequestLog,
    ShotstackTimeouts,
)
from backends.shotstack.schemas import (
    EditResponse,
    IngestedFile,
    IngestResponse,
    IngestSource,
    QueuedRender,
    RenderStatus,
    StoredTemplate,
    UploadSlot,
)
from backends.state_file import JsonStateFile

DEFAULT_API_URL = "https://api.shotstack.io"
CONNECT_SECONDS = 10
MAX_ATTEMPTS = 5  #: of a question

ShotstackStage = Literal["stage", "v1"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Requests that a key may make in any window.

    Attributes:
        edit: renders and looks at them.
        ingest: uploads, looks at sources, deletions.
        window: seconds.
    """

    edit: int
    ingest: int
    window: float = WINDOW_SECONDS


#: as Shotstack states them for the sandbox and for production
DEFAULT_REQUEST_LIMITS: dict[ShotstackStage, RequestLimits] = {
    "stage": RequestLimits(150, 120),
    "v1": RequestLimits(300, 300),
}


@dataclass(frozen=True, slots=True)
class ShotstackAccount:
    """Whose renders they are.

    Attributes:
        key: of the environment.
        stage: "stage" is the sandbox, "v1" is production.
        api_url: of the API.
        request_limits: requests in a window; what Shotstack allows unless given.
    """

    key: SecretStr
    stage: ShotstackStage = "stage"
    api_url: str = DEFAULT_API_URL
    request_limits: RequestLimits | None = None

    def create_limiter(
        self,
        api: Literal["edit", "ingest"],
        state_file: JsonStateFile[RequestLog] | None,
        lag: float,
    ) -> RateLimiter:
        """The limiter of one API; its name tells nobody the key."""
        request_limits = self.request_limits or DEFAULT_REQUEST_LIMITS[self.stage]
        key_digest = sha256(b"limiter " + self.key.get_secret_value().encode()).hexdigest()[:12]
        name = f"{key_digest} {self.stage} {api}"
        return RateLimiter(
            name, getattr(request_limits, api), state_file, window=request_limits.window, lag=lag
        )


class ShotstackClient:
    """One account; all tasks of a process share one, and with it the limits."""

    def __init__(
        self,
        account: ShotstackAccount,
        session: ClientSession,
        file_session: ClientSession,
        state_file: JsonStateFile[RequestLog] | None = None,
        timeouts: ShotstackTimeouts | None = None,
    ) -> None:
        """See :func:`opened`, which makes the first session.

        Args:
            account: whose renders they are.
            session: for the API alone.
            file_session: for the bytes of files, to addresses that Shotstack names; made by
                :func:`backends.links.ssrf_guard.guarded_session`.
            state_file: where requests are written down, so that a restart does not forget them.
            timeouts: how long to wait.
        """
        self.timeouts = timeouts = timeouts or ShotstackTimeouts()
        self._file_session = file_session
        base = URL(account.api_url)
        self._schemes = {"https", base.scheme}
        edit = account.create_limiter("edit", state_file, timeouts.response)
        ingest = account.create_limiter("ingest", state_file, timeouts.response)
        self._edit = ShotstackApi(
            session, base / "edit" / account.stage, account.key, edit, timeouts
        )
        self._ingest = ShotstackApi(
            session, base / "ingest" / account.stage, account.key, ingest, timeouts
        )

    async def upload(
        self, path: Path, on_source_created: Callable[[str], None] = lambda _: None
    ) -> IngestedFile:
        """Bring the file at *path* to Shotstack, and wait until renders can use it.

        Args:
            path: of the file.
            on_source_created: is called with the source's id before a byte of it goes out, so that
                it can be deleted whatever happens.

        Raises:
            ShotstackFailed: it was refused as what it is.
            ShotstackError: see there; not OutcomeUnknown.
        """
        slot = (await self._retry(self._create_upload_slot)).data
        on_source_created(slot.id)
        link = slot.attributes.url
        await self._retry(
            lambda: upload_file(self._file_session, link, path, self._schemes, self.timeouts)
        )
        async with _limit_time(self.timeouts.ingest, "a source is not ready in time"):
            return await self._wait_until_ready(slot.id)

    async def _create_upload_slot(self) -> IngestResponse[UploadSlot]:
        return await self._ingest.request_json("POST", "upload", IngestResponse[UploadSlot])

    async def _wait_until_ready(self, source: str) -> IngestedFile:
        began = asyncio.get_running_loop().time()
        while True:
            try:
                state = (await self.get_source(source)).attributes
            except ShotstackNotFound:
                if asyncio.get_running_loop().time() - began > self.timeouts.grace:
                    raise
            else:
                if state.status == "ready" and state.source:
                    return IngestedFile(id=source, url=state.source)
                if state.status in {"failed", "deleted", "overwritten"}:
                    raise ShotstackFailed(f"source {state.status}: {sanitize(state.error or '')}")
            await asyncio.sleep(self.timeouts.poll / 2)

    async def get_source(self, source: str) -> IngestSource:
        """How far a source is.

        Raises:
            ShotstackGone: there is none of that id, or not yet.
            ShotstackError: nobody can tell.
        """
        path = f"sources/{source}"
        return (
            await self._retry(
                lambda: self._ingest.request_json("GET", path, IngestResponse[IngestSource])
            )
        ).data

    async def list_sources(self) -> list[IngestSource]:
        """What lies at Shotstack.

        Raises:
            ShotstackError: nobody can tell.
        """
        model = IngestResponse[list[IngestSource]]
        return (await self._retry(lambda: self._ingest.request_json("GET", "sources", model))).data

    async def delete_source(self, source: str) -> None:
        """Have Shotstack keep a source no longer; one that is gone already is fine.

        Raises:
            ShotstackError: it may still be there.
        """
        try:
            await self._retry(lambda: self._ingest.request("DELETE", f"sources/{source}"))
        except ShotstackNotFound:
            return

    async def submit_render(
        self, edit: Mapping[str, Any], before_send: BeforeSend = do_nothing
    ) -> str:
        """Ask once for a render of *edit*, and give its id; it may be billed.

        Args:
            edit: timeline, output and callback.
            before_send: called when its turn has come, right before the request; what it raises
                stops it.

        Raises:
            OutcomeUnknown: it may have been accepted; asking again might pay twice.
            ShotstackError: it surely was not accepted.
        """
        return await self._submit("render", edit, before_send)

    async def submit_template(
        self, template: str, merge: Mapping[str, str], before_send: BeforeSend = do_nothing
    ) -> str:
        """Ask once for a render of a template with merge fields, and give its id.

        Such a render calls nobody back, so an outcome that is unknown remains so; :meth:`template`
        and :meth:`render` do.

        Raises:
            OutcomeUnknown: as for :meth:`render`.
            ShotstackError: as for :meth:`render`.
        """
        body = {"id": template, "merge": build_merge_fields(merge)}
        return await self._submit("templates/render", body, before_send)

    async def get_template(self, template: str) -> dict[str, Any]:
        """The edit that a template holds; with ``merge`` added it can be rendered.

        Raises:
            ShotstackError: it is not to be had.
        """
        path, shape = f"templates/{template}", EditResponse[StoredTemplate]
        answer = await self._retry(lambda: self._edit.request_json("GET", path, shape))
        return answer.response.template

    async def _submit(self, path: str, body: Mapping[str, Any], before_send: BeforeSend) -> str:
        try:
            answer = await self._edit.request_json(
                "POST", path, EditResponse[QueuedRender], body, before_send=before_send
            )
        except ShotstackUnavailable as err:
            if not err.has_reached_server:
                raise
            raise OutcomeUnknown(str(err)) from err
        return answer.response.id

    async def get_status(self, render: str) -> RenderStatus:
        """How far a render is.

        Raises:
            ShotstackGone: there is none of that id, or not yet.
            ShotstackError: nobody can tell.
        """
        path, shape, query = f"render/{render}", EditResponse[RenderStatus], {"data": "false"}
        ask = self._edit.request_json
        answer = await self._retry(lambda: ask("GET", path, shape, query=query))
        if answer.response.id != render:
            raise ShotstackUnavailable("another render's state")
        return answer.response

    async def _retry(self, request: Callable[[], Awaitable[T]]) -> T:
        """What changes nothing, or nothing more when it is done twice, is asked again."""
        async for attempt in stamina.retry_context(
            (ShotstackUnavailable, ShotstackRateLimited),  # the gate makes the second wait
            attempts=MAX_ATTEMPTS,
            timeout=self.timeouts.retry_total,
            wait_initial=self.timeouts.retry_wait,
            wait_jitter=self.timeouts.retry_wait,
            wait_max=10 * self.timeouts.retry_wait,
        ):
            with attempt:
                return await request()
        raise AssertionError  # the last attempt raises


def build_merge_fields(fields: Mapping[str, str]) -> list[dict[str, str]]:
    """Merge fields as the API takes them."""
    return [{"find": find, "replace": text} for find, text in fields.items()]


@asynccontextmanager
async def _limit_time(seconds: float, text: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise ShotstackUnavailable(text) from None


@asynccontextmanager
async def open_client(
    account: ShotstackAccount,
    file_session: ClientSession,
    state_file: JsonStateFile[RequestLog] | None = None,
    timeouts: ShotstackTimeouts | None = None,
) -> AsyncIterator[ShotstackClient]:
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
        yield ShotstackClient(account, session, file_session, state_file, timeouts)
