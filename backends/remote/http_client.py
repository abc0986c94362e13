"""Send requests to the service; every failure becomes `BackendUnavailable`."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, TypeVar

from aiohttp import ClientError, ClientResponse, ClientSession, hdrs
from pydantic import BaseModel, ValidationError
from yarl import URL

from backends.errors import BackendUnavailable, FailureKind

MAX_RETRY_AFTER = 3600  #: seconds; a longer Retry-After is cut to this


@dataclass(frozen=True)
class Timeouts:
    """Limits of the client, in seconds.

    Attributes:
        response: for the headers of a response; Modal holds a request for 150, then redirects.
        transfer: for the body of a response, or for the next bytes of an upload.
        cold_start: without a response, after which the service is taken to be starting.
        start: for a job to leave the queue.
        warm_up: for a device to start: image, weights, driver.
        stall: within which a running job must progress.
        poll: between two polls of a job.
        cleanup: for the last requests, when the job is finished or stopped.
        total: for the job.
    """

    response: float = 160
    transfer: float = 30
    cold_start: float = 3
    start: float = 300
    warm_up: float = 300
    stall: float = 90
    poll: float = 0.5
    cleanup: float = 1.5
    total: float = 3600


class ServiceHttpError(BackendUnavailable):
    """The service answered with a status other than 2xx.

    Attributes:
        status: that status.
    """

    def __init__(self, backend: str, status: int, headers: Mapping[str, str]) -> None:
        retry_after = parse_retry_after(headers.get("Retry-After", ""))
        super().__init__(
            backend, _classify_status(status), f"status {status}", retry_after=retry_after
        )
        self.status = status


def _classify_status(status: int) -> FailureKind:
    match status:
        case 401 | 403 | 404 | 407 | 413:
            return FailureKind.REFUSED
        case 429 | 503:
            return FailureKind.BUSY
        case _ if status >= 500:
            return FailureKind.BROKEN
        case _:
            return FailureKind.INVALID_RESPONSE


def parse_retry_after(retry_after: str) -> float | None:
    """Parse a Retry-After header into seconds; it holds seconds or a date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0), MAX_RETRY_AFTER) if math.isfinite(seconds) else None


MAX_JSON_BYTES = 1 << 20
CHUNK_BYTES = 1 << 18
MIN_BYTES_PER_SECOND = 1 << 16  #: of a body, after the first seconds
MAX_FAILED_DOWNLOADS = 4  #: attempts in a row without a byte, after which a download is given up
MAX_REDIRECTS = 40  #: Modal redirects a request that takes long every 150 s

ResponseModel = TypeVar("ResponseModel", bound=BaseModel)
UPLOAD_CHUNK_BYTES = 1 << 16  #: small, so that a slow upload is seen to move


class _ResponseWait:
    """Ends the wait for a response, and reports a cold start if nothing moves for a while."""

    def __init__(
        self, timeout: asyncio.Timeout, cold_start: float, on_cold_start: Callable[[], None]
    ) -> None:
        self._timeout, self._cold_start, self._on_cold_start = timeout, cold_start, on_cold_start
        self._loop = asyncio.get_running_loop()
        self._timer = self._start_timer()

    def extend(self, seconds: float) -> None:
        """Wait for *seconds* from now on, because the upload moved."""
        self._timeout.reschedule(self._loop.time() + seconds)
        self._timer.cancel()
        self._timer = self._start_timer()

    def close(self) -> None:
        """Report nothing more."""
        self._timer.cancel()

    def _start_timer(self) -> asyncio.TimerHandle:
        return self._loop.call_later(self._cold_start, self._on_cold_start)


RequestBody = str | Callable[[_ResponseWait], AsyncIterator[bytes]] | None


class _PartialDownload:
    """A file whose download can be continued where it broke off.

    Attributes:
        size: bytes that are in the file.
    """

    def __init__(self, file: Path) -> None:
        self._file, self.size = file, 0
        self._version = ""  # the strong validator of what is in the file

    @property
    def headers(self) -> dict[str, str]:
        """Headers of a request for the rest, or for the whole file (RFC 9110, 13.1.5)."""
        if not self.size or not self._version:
            return {}
        return {hdrs.RANGE: f"bytes={self.size}-", hdrs.IF_RANGE: self._version}

    def open(self, answer: ClientResponse) -> IO[bytes]:
        """Open the file for the body of *answer*, which is the rest or the whole file."""
        begin = answer.headers.get(hdrs.CONTENT_RANGE, "").partition("-")[0]
        if answer.status == 206 and begin == f"bytes {self.size}":
            return self._file.open("ab")
        self.size, self._version = 0, answer.headers.get(hdrs.ETAG, "")
        return self._file.open("wb")


class ServiceClient:
    """Sends requests to one service, with one key.

    Attributes:
        on_cold_start: called when the service seems to be starting, possibly often.
    """

    def __init__(
        self,
        backend: str,
        session: ClientSession,
        base: URL,
        auth_headers: Mapping[str, str],
        timeouts: Timeouts,
        on_cold_start: Callable[[], None],
    ) -> None:
        """Configure the client.

        Args:
            backend: name of the backend, for errors.
            session: without proxies and cookies.
            base: the service's address.
            auth_headers: headers with the keys.
            timeouts: limits of the responses.
            on_cold_start: called when the service seems to be starting, possibly often.
        """
        self._backend, self._session = backend, session
        self._base, self._auth_headers = base, auth_headers
        self._timeouts = timeouts
        self.on_cold_start = on_cold_start

    async def request_json(
        self, method: str, path: str, model: type[ResponseModel], body: BaseModel | None = None
    ) -> ResponseModel:
        """Send a request and parse the JSON of the response into *model*.

        Raises:
            BackendUnavailable: there is no such response.
        """
        data = body.model_dump_json() if body else None
        async with self._open_response(method, path, data) as answer:
            if answer.content_type != "application/json":
                raise self._create_error(FailureKind.INVALID_RESPONSE, "no JSON")
            text = b"".join([chunk async for chunk in self._read_body(answer, MAX_JSON_BYTES)])
        try:
            return model.model_validate_json(text)
        except ValidationError as err:
            raise self._create_error(
                FailureKind.INVALID_RESPONSE, "not the requested answer"
            ) from err

    async def request(self, method: str, path: str) -> None:
        """Send a request and ignore the body of the response.

        Raises:
            BackendUnavailable: the response is not a success.
        """
        async with self._open_response(method, path):
            pass

    async def upload(self, path: str, file: Path) -> None:
        """Send *file*; only a pause between its bytes is limited.

        Raises:
            BackendUnavailable: the service did not accept it.
        """

        async def read_chunks(wait: _ResponseWait) -> AsyncIterator[bytes]:
            with file.open("rb") as source:
                while chunk := source.read(UPLOAD_CHUNK_BYTES):
                    wait.extend(self._timeouts.transfer)
                    yield chunk
            wait.extend(self._timeouts.response)

        async with self._open_response("PUT", path, read_chunks):
            pass

    async def download(self, path: str, file: Path, max_bytes: int, job_id: str) -> None:
        """Write the body of a response to *file*; where it breaks off, continue from there.

        Args:
            path: path at the service.
            file: is overwritten.
            max_bytes: maximum size.
            job_id: the job to which the response must belong.

        Raises:
            BackendUnavailable: the download failed.
        """
        download = _PartialDownload(file)
        failures = 0  # in a row, without a byte in between
        while True:
            size_before = download.size
            try:
                return await self._continue_download(path, download, max_bytes, job_id)
            except BackendUnavailable as failure:
                failures = 0 if download.size > size_before else failures + 1
                is_over = failures == MAX_FAILED_DOWNLOADS or not download.size
                if failure.kind is not FailureKind.UNREACHABLE or is_over:
                    raise
            await asyncio.sleep(self._timeouts.poll * 2**failures)

    async def _continue_download(
        self, path: str, download: "_PartialDownload", max_bytes: int, job_id: str
    ) -> None:
        async with self._open_response("GET", path, headers=download.headers) as answer:
            if answer.headers.get("Job-Id") != job_id:
                raise self._create_error(FailureKind.INVALID_RESPONSE, "another job's file")
            with download.open(answer) as target:
                async for chunk in self._read_body(answer, max_bytes - download.size):
                    target.write(chunk)
                    download.size += len(chunk)

    async def requires_authentication(self, path: str) -> bool:
        """Return whether a request without a key is rejected; False only if it succeeds.

        Raises:
            BackendUnavailable: the answer shows neither, such as 404 or 500.
        """
        async with self._follow_redirects("GET", path, None, {}) as answer:
            if answer.status in {401, 403}:
                return True
            self._raise_for_status(answer)
            return False

    @asynccontextmanager
    async def _open_response(
        self,
        method: str,
        path: str,
        body: RequestBody = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[ClientResponse]:
        """Yield a successful answer."""
        headers = {**self._auth_headers, **(headers or {})}
        async with self._follow_redirects(method, path, body, headers) as answer:
            self._raise_for_status(answer)
            yield answer

    @asynccontextmanager
    async def _follow_redirects(
        self, method: str, path: str, body: RequestBody, headers: Mapping[str, str]
    ) -> AsyncIterator[ClientResponse]:
        """Yield the answer at the end of the 303s into which Modal cuts a long request."""
        url = self._base / path
        for _ in range(1 + MAX_REDIRECTS):
            answer = await self._send(method, url, body, headers)
            try:
                if answer.status != 303:
                    yield answer
                    return
                url = self._resolve_redirect(answer)
            finally:
                answer.close()
            method, body = "GET", None
            self.on_cold_start()
        raise self._create_error(FailureKind.TOO_SLOW, "too many redirects")

    async def _send(
        self, method: str, url: URL, body: RequestBody, headers: Mapping[str, str]
    ) -> ClientResponse:
        kind = "application/json" if isinstance(body, str) else "application/octet-stream"
        headers = {**headers, hdrs.CONTENT_TYPE: kind} if body else headers
        try:
            async with self._limit_wait() as wait:
                data = body(wait) if callable(body) else body
                return await self._session.request(
                    method, url, data=data, headers=headers, allow_redirects=False
                )
        except TimeoutError as err:
            raise self._create_error(FailureKind.TOO_SLOW, "no answer") from err
        except (ClientError, OSError, ValueError) as err:
            raise self._create_error(FailureKind.UNREACHABLE, type(err).__name__) from err

    @asynccontextmanager
    async def _limit_wait(self) -> AsyncIterator[_ResponseWait]:
        async with asyncio.timeout(self._timeouts.response) as timeout:
            wait = _ResponseWait(timeout, self._timeouts.cold_start, self.on_cold_start)
            try:
                yield wait
            finally:
                wait.close()

    def _raise_for_status(self, answer: ClientResponse) -> None:
        if not 200 <= answer.status < 300:
            raise ServiceHttpError(self._backend, answer.status, answer.headers)

    def _resolve_redirect(self, answer: ClientResponse) -> URL:
        """Return the target of a redirect; the key is sent to the service's own host only."""
        try:
            url = answer.url.join(URL(answer.headers[hdrs.LOCATION]))
        except (KeyError, ValueError) as err:
            raise self._create_error(FailureKind.INVALID_RESPONSE, "redirected to nowhere") from err
        if url.origin() != self._base.origin():
            raise self._create_error(FailureKind.INVALID_RESPONSE, "redirected to another host")
        return url

    async def _read_body(self, answer: ClientResponse, max_bytes: int) -> AsyncIterator[bytes]:
        """Yield the body, if it arrives in time and has *max_bytes* bytes at most.

        A large body has more time than a small one.
        """
        deadline = asyncio.get_running_loop().time() + self._timeouts.transfer
        size = 0
        while chunk := await self._read_chunk(answer, deadline):
            size += len(chunk)
            if size > max_bytes:
                raise self._create_error(FailureKind.INVALID_RESPONSE, "a body too large")
            deadline += len(chunk) / MIN_BYTES_PER_SECOND
            yield chunk

    async def _read_chunk(self, answer: ClientResponse, deadline: float) -> bytes:
        try:
            async with asyncio.timeout_at(deadline):
                return await answer.content.read(CHUNK_BYTES)
        except TimeoutError as err:
            raise self._create_error(FailureKind.TOO_SLOW, "the body is too slow") from err
        except (ClientError, OSError) as err:
            raise self._create_error(FailureKind.UNREACHABLE, "the body broke off") from err

    def _create_error(self, kind: FailureKind, detail: str) -> BackendUnavailable:
        return BackendUnavailable(self._backend, kind, detail)
