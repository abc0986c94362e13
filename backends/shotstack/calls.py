"""One request to Shotstack's API and what may come of it: every foreign fault becomes ours."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from aiohttp import ClientConnectorError, ClientError, ClientResponse, ClientSession
from aiohttp import ConnectionTimeoutError as ConnectTimeout
from pydantic import BaseModel, SecretStr, ValidationError
from yarl import URL

from backends.shotstack.errors import ShotstackAway, ShotstackBusy, failure
from backends.shotstack.limiter import Limiter
from backends.shotstack.pace import Pace

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
