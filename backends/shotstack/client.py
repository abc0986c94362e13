"""The client of Shotstack's Edit and Ingest APIs (2024-07): uploads, renders and their states."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeVar

import stamina
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from pydantic import JsonValue, SecretStr
from yarl import URL

from backends.shotstack.errors import (
    OutcomeUnknown,
    ShotstackFailed,
    ShotstackNotFound,
    ShotstackRateLimited,
    ShotstackUnavailable,
    sanitize,
)
from backends.shotstack.http import BeforeSend, ShotstackApi, upload_file
from backends.shotstack.rate_limiter import (
    WINDOW_SECONDS,
    RateLimit,
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
from video_editing.contract.progress import ignore

DEFAULT_API_URL = "https://api.shotstack.io"
CONNECT_SECONDS = 10
MAX_ATTEMPTS = 5  #: of a request that is safe to repeat

ShotstackStage = Literal["stage", "v1"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The numbers of requests that a key allows in any window.

    Attributes:
        edit: requests to the Edit API, which renders.
        ingest: requests to the Ingest API, which stores sources.
        window: seconds.
    """

    edit: int
    ingest: int
    window: float = WINDOW_SECONDS


#: as Shotstack documents them for the sandbox and for production
DEFAULT_REQUEST_LIMITS: dict[ShotstackStage, RequestLimits] = {
    "stage": RequestLimits(150, 120),
    "v1": RequestLimits(300, 300),
}


@dataclass(frozen=True, slots=True)
class ShotstackAccount:
    """An account at Shotstack.

    Attributes:
        key: API key of the environment.
        stage: the environment: "stage" is the sandbox, "v1" is production.
        api_url: of the API.
        request_limits: None for :data:`DEFAULT_REQUEST_LIMITS`.
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
        """Return the rate limiter of one API; its name contains a hash of the key, not the key."""
        request_limits = self.request_limits or DEFAULT_REQUEST_LIMITS[self.stage]
        key_digest = sha256(b"limiter " + self.key.get_secret_value().encode()).hexdigest()[:12]
        name = f"{key_digest} {self.stage} {api}"
        limit = RateLimit(getattr(request_limits, api), request_limits.window, lag)
        return RateLimiter(name, limit, state_file)


class ShotstackClient:
    """A client of one account; it keeps the rate limits of the account's key."""

    def __init__(
        self,
        account: ShotstackAccount,
        session: ClientSession,
        file_session: ClientSession,
        state_file: JsonStateFile[RequestLog] | None = None,
        timeouts: ShotstackTimeouts | None = None,
    ) -> None:
        """Connect to *account*; :func:`open_client` makes the first session.

        Args:
            account: with the key.
            session: for requests to the API only.
            file_session: for uploads to addresses that Shotstack names; made by
                :func:`backends.links.ssrf_guard.create_guarded_session`.
            state_file: log of requests, so that the rate limits hold over restarts.
            timeouts: of requests.
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
        self, path: Path, on_source_created: Callable[[str], None] = ignore
    ) -> IngestedFile:
        """Upload the file at *path*, and wait until renders can use it.

        Args:
            path: of the file.
            on_source_created: called with the source's id before the upload, so that the source
                can be deleted in any case.

        Raises:
            ShotstackFailed: Shotstack rejected the file.
            ShotstackError: any other failure but OutcomeUnknown.
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
        started = asyncio.get_running_loop().time()
        while True:
            try:
                state = (await self.get_source(source)).attributes
            except ShotstackNotFound:
                if asyncio.get_running_loop().time() - started > self.timeouts.grace:
                    raise
            else:
                if state.status == "ready" and state.source:
                    return IngestedFile(id=source, url=state.source)
                if state.status in {"failed", "deleted", "overwritten"}:
                    raise ShotstackFailed(f"source {state.status}: {sanitize(state.error or '')}")
            await asyncio.sleep(self.timeouts.poll / 2)

    async def get_source(self, source: str) -> IngestSource:
        """Return the state of a source.

        Raises:
            ShotstackNotFound: there is no source of that id, or not yet.
            ShotstackError: the request failed.
        """
        path = f"sources/{source}"
        return (
            await self._retry(
                lambda: self._ingest.request_json("GET", path, IngestResponse[IngestSource])
            )
        ).data

    async def list_sources(self) -> list[IngestSource]:
        """Return all sources of the account.

        Raises:
            ShotstackError: the request failed.
        """
        model = IngestResponse[list[IngestSource]]
        return (await self._retry(lambda: self._ingest.request_json("GET", "sources", model))).data

    async def delete_source(self, source: str) -> None:
        """Delete a source, unless it is deleted already.

        Raises:
            ShotstackError: it may still exist.
        """
        try:
            await self._retry(lambda: self._ingest.request("DELETE", f"sources/{source}"))
        except ShotstackNotFound:
            return

    async def submit_render(self, edit: Mapping[str, Any], before_send: BeforeSend = ignore) -> str:
        """Request a render of *edit* once, and return its id; the render may be billed.

        Args:
            edit: timeline, output and callback.
            before_send: called right before the request is sent, after the wait for the rate
                limit; if it raises, the request is not sent.

        Raises:
            OutcomeUnknown: it may have been accepted; a second request might be billed as well.
            ShotstackError: it was certainly not accepted.
        """
        return await self._submit("render", edit, before_send)

    async def submit_template(
        self, template: str, merge: Mapping[str, JsonValue], before_send: BeforeSend = ignore
    ) -> str:
        """Request a render of a template with merge fields once, and return its id.

        Such a render sends no callback, so an unknown outcome remains unknown. Where that matters,
        use :meth:`get_template` and :meth:`submit_render`.

        Raises:
            OutcomeUnknown: as for :meth:`submit_render`.
            ShotstackError: as for :meth:`submit_render`.
        """
        body = {"id": template, "merge": build_merge_fields(merge)}
        return await self._submit("templates/render", body, before_send)

    async def get_template(self, template: str) -> dict[str, Any]:
        """Return the edit of a template; with ``merge`` added it can be rendered.

        Raises:
            ShotstackError: the request failed.
        """
        path, model = f"templates/{template}", EditResponse[StoredTemplate]
        answer = await self._retry(lambda: self._edit.request_json("GET", path, model))
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
        """Return the state of a render.

        Raises:
            ShotstackNotFound: there is no render of that id, or not yet.
            ShotstackError: the request failed.
        """
        path, model, query = f"render/{render}", EditResponse[RenderStatus], {"data": "false"}
        request = self._edit.request_json
        answer = await self._retry(lambda: request("GET", path, model, query=query))
        if answer.response.id != render:
            raise ShotstackUnavailable("the state of another render")
        return answer.response

    async def _retry(self, request: Callable[[], Awaitable[T]]) -> T:
        """Send *request*, again after transient failures; it must be safe to repeat."""
        async for attempt in stamina.retry_context(
            (ShotstackUnavailable, ShotstackRateLimited),  # the rate limiter makes the latter wait
            attempts=MAX_ATTEMPTS,
            timeout=self.timeouts.retry_total,
            wait_initial=self.timeouts.retry_wait,
            wait_jitter=self.timeouts.retry_wait,
            wait_max=10 * self.timeouts.retry_wait,
        ):
            with attempt:
                return await request()
        raise AssertionError  # the last attempt raises


def build_merge_fields(fields: Mapping[str, JsonValue]) -> list[JsonValue]:
    """Return merge fields as the API takes them."""
    return [{"find": find, "replace": value} for find, value in fields.items()]


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
    """Open a client with a session of its own, which uses each connection once.

    The server may close a reused connection just as a render is requested over it, and then it is
    unknown whether the render was accepted.
    """
    async with ClientSession(
        connector=TCPConnector(force_close=True),
        timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
    ) as session:
        yield ShotstackClient(account, session, file_session, state_file, timeouts)
