"""Single requests to Shotstack's API, with foreign exceptions translated to ShotstackError."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import ClientConnectorError, ClientError, ClientResponse, ClientSession, hdrs
from aiohttp import ConnectionTimeoutError as ConnectTimeout
from pydantic import BaseModel, SecretStr, ValidationError
from yarl import URL

from backends.shotstack.errors import (
    ShotstackRateLimited,
    ShotstackUnavailable,
    create_error,
    extract_storage_reason,
)
from backends.shotstack.rate_limiter import RateLimiter, ShotstackTimeouts
from video_editing.contract.progress import ignore

MAX_JSON_BYTES = 1 << 20
CHUNK_BYTES = 1 << 16
UPLOAD_CHUNK_BYTES = 1 << 18
MAX_REASON_BYTES = 1 << 13  #: of the storage's answer to a failed upload

ModelT = TypeVar("ModelT", bound=BaseModel)
BeforeSend = Callable[[], None]  #: called right before a request is sent


class ShotstackApi:
    """Requests with one key to one API (Edit or Ingest) in one environment."""

    def __init__(
        self,
        session: ClientSession,
        base: URL,
        key: SecretStr,
        limiter: RateLimiter,
        timeouts: ShotstackTimeouts,
    ) -> None:
        """Connect to one API.

        Args:
            session: without a proxy and without decompression.
            base: the API's address in the environment; the key is sent to no other address.
            key: of the environment.
            limiter: of the key's requests to this API.
            timeouts: of requests.
        """
        self._session, self._base, self._key = session, base, key
        self._limiter, self._timeouts = limiter, timeouts

    async def request_json(
        self,
        method: str,
        path: str,
        model: type[ModelT],
        body: Any = None,
        query: Mapping[str, str] | None = None,
        before_send: BeforeSend = ignore,
    ) -> ModelT:
        """Send one request, and return the answer as a *model*.

        Raises:
            ShotstackError: there is no such answer; any class but OutcomeUnknown.
        """
        text = await self._request(method, path, body, query, before_send)
        try:
            return model.model_validate_json(text)
        except ValidationError:
            # Without the cause, which quotes the answer and its signed links.
            raise ShotstackUnavailable("an answer of another shape") from None

    async def request(self, method: str, path: str) -> None:
        """Send one request, and ignore the content of the answer.

        Raises:
            ShotstackError: it failed; any class but OutcomeUnknown.
        """
        await self._request(method, path)

    async def _request(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        before_send: BeforeSend = ignore,
    ) -> bytes:
        try:
            async with self._limiter.acquire(self._timeouts.gate):
                before_send()
                status, headers, text = await self._send(method, path, body, query)
        except (ClientConnectorError, ConnectTimeout) as err:
            raise ShotstackUnavailable(type(err).__name__, has_reached_server=False) from None
        except TimeoutError:
            raise ShotstackUnavailable("no answer") from None
        except (ClientError, OSError, ValueError) as err:
            # Without its text, which may contain the address.
            raise ShotstackUnavailable(type(err).__name__) from None
        # Error messages quote the answer, and no log may contain the key.
        text = text.replace(self._key.get_secret_value().encode(), b"<key>")
        if 200 <= status < 300:
            return text
        error = create_error(status, headers, text, self._limiter.window)
        if isinstance(error, ShotstackRateLimited):
            self._limiter.block(error.retry_after)
        raise error

    async def _send(
        self, method: str, path: str, body: Any, query: Mapping[str, str] | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "x-api-key": self._key.get_secret_value(),
        }
        async with (
            asyncio.timeout(self._timeouts.response),
            self._session.request(
                method,
                self._base.joinpath(path),
                params=query,
                json=body,
                headers=headers,
                allow_redirects=False,
            ) as answer,
        ):
            return answer.status, answer.headers, await _read_body(answer)


async def _read_body(answer: ClientResponse) -> bytes:
    """Read the body of an answer.

    Raises:
        ShotstackUnavailable: it is larger than :data:`MAX_JSON_BYTES`.
    """
    parts, size = [], 0
    while chunk := await answer.content.read(CHUNK_BYTES):
        size += len(chunk)
        if size > MAX_JSON_BYTES:
            raise ShotstackUnavailable("an answer too large")
        parts.append(chunk)
    return b"".join(parts)


async def upload_file(
    session: ClientSession, link: str, path: Path, schemes: set[str], timeouts: ShotstackTimeouts
) -> None:
    """Send the file at *path* to *link* by PUT, without the key and without redirects.

    Args:
        session: restricted to addresses that uploads may go to.
        link: as received from Shotstack; signed, so errors and logs must not contain it.
        path: of the file.
        schemes: that *link* may have.
        timeouts: of requests.

    Raises:
        ShotstackUnavailable: the upload failed.
    """
    url = _parse_upload_url(link, schemes)
    loop = asyncio.get_running_loop()
    size = (await asyncio.to_thread(path.stat)).st_size

    async def chunks(limit: asyncio.Timeout) -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, UPLOAD_CHUNK_BYTES):
                limit.reschedule(loop.time() + timeouts.transfer)
                yield chunk
        limit.reschedule(loop.time() + timeouts.response)

    try:
        async with (
            asyncio.timeout(timeouts.response) as limit,
            session.put(
                url,
                data=chunks(limit),
                headers=_build_upload_headers(url, size),
                skip_auto_headers=[hdrs.CONTENT_TYPE],
                allow_redirects=False,
            ) as answer,
        ):
            status = answer.status
            text = b"" if 200 <= status < 300 else await answer.content.read(MAX_REASON_BYTES)
    except TimeoutError:
        raise ShotstackUnavailable("an upload stalled") from None
    except ClientConnectorError as err:
        raise ShotstackUnavailable(
            f"an upload: {type(err).__name__}", has_reached_server=False
        ) from None
    except (ClientError, OSError, ValueError) as err:
        raise ShotstackUnavailable(f"an upload: {type(err).__name__}") from None
    if not 200 <= status < 300:
        raise ShotstackUnavailable(f"an upload: status {status} {extract_storage_reason(text)}")


def _build_upload_headers(url: URL, size: int) -> dict[str, str]:
    """Return the headers of an upload: a content type only if the signature covers one."""
    headers: dict[str, str] = {hdrs.CONTENT_LENGTH: str(size)}
    if "content-type" in url.query.get("X-Amz-SignedHeaders", "").split(";"):
        headers[hdrs.CONTENT_TYPE] = "application/octet-stream"
    return headers


def _parse_upload_url(link: str, schemes: set[str]) -> URL:
    try:
        url = URL(link, encoded=True)  # unchanged, as it is signed
    except ValueError:
        raise ShotstackUnavailable("an upload has no usable address") from None
    if url.scheme not in schemes or not url.host or url.user or url.password:
        raise ShotstackUnavailable("an upload has no usable address")
    return url
