"""One request to Shotstack's API and what may come of it: every foreign fault becomes ours."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import ClientConnectorError, ClientError, ClientResponse, ClientSession, hdrs
from aiohttp import ConnectionTimeoutError as ConnectTimeout
from pydantic import BaseModel, SecretStr, ValidationError
from yarl import URL

from backends.shotstack.errors import ShotstackAway, ShotstackBusy, failure
from backends.shotstack.rate_limiter import Limiter, Pace

JSON_BYTES = 1 << 20
CHUNK = 1 << 16

Shape = TypeVar("Shape", bound=BaseModel)
Sending = Callable[[], None]  #: called right before a request goes out


def unnoticed() -> None:
    """Nobody cares."""


class Calls:
    """Requests with one key to one API (Edit or Ingest) in one environment."""

    def __init__(
        self, session: ClientSession, base: URL, key: SecretStr, limiter: Limiter, pace: Pace
    ) -> None:
        """Remember whom to ask, and how.

        Args:
            session: that goes straight to Shotstack and decompresses nothing.
            base: the API's address in the environment; the key goes nowhere else.
            key: of that environment.
            limiter: that all who use the key share.
            pace: how long to wait.
        """
        self._session, self._base, self._key = session, base, key
        self._limiter, self._pace = limiter, pace

    async def json(
        self,
        method: str,
        path: str,
        shape: type[Shape],
        body: Any = None,
        query: Mapping[str, str] | None = None,
        sending: Sending = unnoticed,
    ) -> Shape:
        """Ask once, and read an answer of that *shape*.

        Raises:
            ShotstackError: there is none; any but OutcomeUnknown.
        """
        text = await self._answered(method, path, body, query, sending)
        try:
            return shape.model_validate_json(text)
        except ValidationError:
            # Without the cause, which quotes the answer with its links.
            raise ShotstackAway("not the answer that was asked for") from None

    async def tell(self, method: str, path: str) -> None:
        """Ask for something once, and expect no answer.

        Raises:
            ShotstackError: as above.
        """
        await self._answered(method, path)

    async def _answered(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        sending: Sending = unnoticed,
    ) -> bytes:
        try:
            async with self._limiter.turn(self._pace.gate):
                sending()
                status, headers, text = await self._asked(method, path, body, query)
        except (ClientConnectorError, ConnectTimeout) as err:
            raise ShotstackAway(type(err).__name__, reached=False) from None
        except TimeoutError:
            raise ShotstackAway("no answer") from None
        except (ClientError, OSError, ValueError) as err:  # whose texts may name the address
            raise ShotstackAway(type(err).__name__) from None
        text = text.replace(self._key.get_secret_value().encode(), b"<key>")  # told to no log
        if 200 <= status < 300:
            return text
        fault = failure(status, headers, text, self._limiter.window)
        if isinstance(fault, ShotstackBusy):
            self._limiter.shut(fault.retry_after)
        raise fault

    async def _asked(
        self, method: str, path: str, body: Any, query: Mapping[str, str] | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "x-api-key": self._key.get_secret_value(),
        }
        async with (
            asyncio.timeout(self._pace.answer),
            self._session.request(
                method,
                self._base.joinpath(path),
                params=query,
                json=body,
                headers=headers,
                allow_redirects=False,
            ) as answer,
        ):
            return answer.status, answer.headers, await _body(answer)


async def _body(answer: ClientResponse) -> bytes:
    """The body of an answer.

    Raises:
        ShotstackAway: it is too large to be one.
    """
    parts, size = [], 0
    while chunk := await answer.content.read(CHUNK):
        size += len(chunk)
        if size > JSON_BYTES:
            raise ShotstackAway("an answer too large")
        parts.append(chunk)
    return b"".join(parts)


UPLOAD_CHUNK = 1 << 18  #: bytes


async def put(session: ClientSession, link: str, path: Path, schemes: set[str], pace: Pace) -> None:
    """Put the file at *path* to *link*; no key goes there, and no redirect is followed.

    Args:
        session: that can reach where files may go.
        link: as Shotstack gave it; signed, so that no text may carry it.
        path: of the file.
        schemes: that are good enough.
        pace: how long to wait.

    Raises:
        ShotstackAway: it did not arrive.
    """
    url = _checked(link, schemes)
    loop = asyncio.get_running_loop()
    size = (await asyncio.to_thread(path.stat)).st_size

    async def chunks(limit: asyncio.Timeout) -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, UPLOAD_CHUNK):
                limit.reschedule(loop.time() + pace.transfer)
                yield chunk
        limit.reschedule(loop.time() + pace.answer)

    headers = {hdrs.CONTENT_LENGTH: str(size), hdrs.CONTENT_TYPE: "application/octet-stream"}
    try:
        async with (
            asyncio.timeout(pace.answer) as limit,
            session.put(url, data=chunks(limit), headers=headers, allow_redirects=False) as answer,
        ):
            status = answer.status
    except TimeoutError:
        raise ShotstackAway("an upload stood still") from None
    except ClientConnectorError as err:
        raise ShotstackAway(f"an upload: {type(err).__name__}", reached=False) from None
    except (ClientError, OSError, ValueError) as err:
        raise ShotstackAway(f"an upload: {type(err).__name__}") from None
    if not 200 <= status < 300:
        raise ShotstackAway(f"an upload: status {status}")


def _checked(link: str, schemes: set[str]) -> URL:
    try:
        url = URL(link, encoded=True)  # as it was signed
    except ValueError:
        raise ShotstackAway("an upload's address is none") from None
    if url.scheme not in schemes or not url.host or url.user or url.password:
        raise ShotstackAway("an upload's address is none")
    return url
