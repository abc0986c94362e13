"""One HTTP request to the service and what may come of it: every foreign fault becomes ours."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

from aiohttp import ClientError, ClientResponse, ClientSession, hdrs
from pydantic import BaseModel, ValidationError
from yarl import URL

from backends.errors import BackendUnavailable, Why

LONGEST_WAIT = 3600  #: seconds; a service that asks for more is not believed


@dataclass(frozen=True)
class Patience:
    """How long the client waits.

    Attributes:
        answer: seconds for one request to be answered; Modal holds one for 150, then says 303.
        transfer: seconds for an answer's body, or for an upload's next bytes to move.
        warming: seconds without an answer after which the place is thought to be starting.
        start: seconds for a job to begin; a cold GPU takes a minute or two.
        stall: seconds in which a job at work must get further.
        poll: seconds between two questions.
        farewell: seconds for a last word, when the work is over or stopped.
        total: seconds for everything.
    """

    answer: float = 160
    transfer: float = 30
    warming: float = 3
    start: float = 300
    stall: float = 90
    poll: float = 0.5
    farewell: float = 1.5
    total: float = 3600


class Refused(BackendUnavailable):
    """The service answered with a status that is no success.

    Attributes:
        status: that status.
    """

    def __init__(self, backend: str, status: int, headers: Mapping[str, str]) -> None:
        retry_after = seconds_until(headers.get("Retry-After", ""))
        super().__init__(backend, _why(status), f"status {status}", retry_after=retry_after)
        self.status = status


def _why(status: int) -> Why:
    match status:
        case 401 | 403 | 404 | 407 | 413:
            return Why.REFUSED
        case 429 | 503:
            return Why.BUSY
        case _ if status >= 500:
            return Why.BROKEN
        case _:
            return Why.GARBAGE


def seconds_until(retry_after: str) -> float | None:
    """What a Retry-After header asks for, given in seconds or as a date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0), LONGEST_WAIT) if math.isfinite(seconds) else None


JSON_BYTES = 1 << 20
CHUNK = 1 << 18
SLICES = 40  #: of 150 seconds each, into which Modal cuts a request that takes long

Answer = TypeVar("Answer", bound=BaseModel)
Body = str | Callable[[asyncio.Timeout], AsyncIterator[bytes]] | None


class Calls:
    """Requests to one service, with one key.

    Attributes:
        warming: says that the service is getting ready, once however often it is called.
    """

    def __init__(
        self,
        name: str,
        session: ClientSession,
        base: URL,
        keys: Mapping[str, str],
        patience: Patience,
        warming: Callable[[], None],
    ) -> None:
        """Remember whom to ask, and how.

        Args:
            name: of the backend, for errors.
            session: that goes straight to the service.
            base: the service's address.
            keys: headers that let us in.
            patience: how long to wait.
            warming: called when an answer is long in coming, maybe often.
        """
        self._name, self._session, self._base, self._keys = name, session, base, keys
        self._patience = patience
        self.warming = warming

    async def json(
        self, method: str, path: str, shape: type[Answer], body: BaseModel | None = None
    ) -> Answer:
        """Ask, and read an answer of that *shape*.

        Raises:
            BackendUnavailable: there is none.
        """
        data = body.model_dump_json() if body else None
        async with self._answered(method, path, data) as answer:
            if answer.content_type != "application/json":
                raise self._failed(Why.GARBAGE, "no JSON")
            text = b"".join([chunk async for chunk in self._chunks(answer, JSON_BYTES)])
        try:
            return shape.model_validate_json(text)
        except ValidationError as err:
            raise self._failed(Why.GARBAGE, "not the answer that was asked for") from err

    async def tell(self, method: str, path: str) -> None:
        """Ask for something, and expect no answer.

        Raises:
            BackendUnavailable: it was not done.
        """
        async with self._answered(method, path):
            pass

    async def upload(self, path: str, file: Path) -> None:
        """Send *file*, as long as its bytes move.

        Raises:
            BackendUnavailable: it was not taken.
        """
        loop = asyncio.get_running_loop()

        async def chunks(limit: asyncio.Timeout) -> AsyncIterator[bytes]:
            with file.open("rb") as source:
                while chunk := source.read(CHUNK):
                    limit.reschedule(loop.time() + self._patience.transfer)
                    yield chunk
            limit.reschedule(loop.time() + self._patience.answer)

        async with self._answered("PUT", path, chunks):
            pass

    async def download(self, path: str, file: Path, most: int, owner: str) -> None:
        """Fetch a file of at most *most* bytes that belongs to the job *owner*.

        Raises:
            BackendUnavailable: it did not come.
        """
        async with self._answered("GET", path) as answer:
            if answer.headers.get("Job-Id") != owner:
                raise self._failed(Why.GARBAGE, "another job's file")
            with file.open("wb") as target:
                async for chunk in self._chunks(answer, most):
                    target.write(chunk)

    async def refuses_strangers(self, path: str) -> bool:
        """Whether a request without a key is turned away.

        Raises:
            BackendUnavailable: nobody can tell.
        """
        answer = await self._request("GET", self._base / path, None, {})
        answer.close()
        if answer.status == 429 or answer.status >= 500:
            raise Refused(self._name, answer.status, answer.headers)
        return answer.status in {401, 403}

    @asynccontextmanager
    async def _answered(
        self, method: str, path: str, body: Body = None
    ) -> AsyncIterator[ClientResponse]:
        """A successful answer, which Modal may have us fetch elsewhere on the same host."""
        url = self._base / path
        for _ in range(1 + SLICES):
            answer = await self._request(method, url, body, self._keys)
            try:
                if answer.status != 303:
                    self._look_at(answer)
                    yield answer
                    return
                url = self._onward(answer)
            finally:
                answer.close()
            method, body = "GET", None
            self.warming()
        raise self._failed(Why.TOO_SLOW, "redirected for ever")

    async def _request(
        self, method: str, url: URL, body: Body, keys: Mapping[str, str]
    ) -> ClientResponse:
        loop = asyncio.get_running_loop()
        late = loop.call_later(self._patience.warming, self.warming)
        kind = "application/json" if isinstance(body, str) else "application/octet-stream"
        headers = {**keys, hdrs.CONTENT_TYPE: kind} if body else keys
        try:
            async with asyncio.timeout(self._patience.answer) as limit:
                data = body(limit) if callable(body) else body
                return await self._session.request(
                    method, url, data=data, headers=headers, allow_redirects=False
                )
        except TimeoutError as err:
            raise self._failed(Why.TOO_SLOW, "no answer") from err
        except (ClientError, OSError, ValueError) as err:
            raise self._failed(Why.UNREACHABLE, type(err).__name__) from err
        finally:
            late.cancel()

    def _look_at(self, answer: ClientResponse) -> None:
        if not 200 <= answer.status < 300:
            raise Refused(self._name, answer.status, answer.headers)

    def _onward(self, answer: ClientResponse) -> URL:
        """Where a 303 leads; our key goes nowhere but to the service's own host."""
        try:
            url = answer.url.join(URL(answer.headers[hdrs.LOCATION]))
        except (KeyError, ValueError) as err:
            raise self._failed(Why.GARBAGE, "redirected to nowhere") from err
        if url.origin() != self._base.origin():
            raise self._failed(Why.GARBAGE, "redirected to another host")
        return url

    async def _chunks(self, answer: ClientResponse, most: int) -> AsyncIterator[bytes]:
        """The body, if it comes in time and is not larger than *most* bytes."""
        deadline = asyncio.get_running_loop().time() + self._patience.transfer
        size = 0
        while chunk := await self._chunk(answer, deadline):
            size += len(chunk)
            if size > most:
                raise self._failed(Why.GARBAGE, "a body too large")
            yield chunk

    async def _chunk(self, answer: ClientResponse, deadline: float) -> bytes:
        try:
            async with asyncio.timeout_at(deadline):
                return await answer.content.read(CHUNK)
        except TimeoutError as err:
            raise self._failed(Why.TOO_SLOW, "the body drips") from err
        except (ClientError, OSError) as err:
            raise self._failed(Why.UNREACHABLE, "the body broke off") from err

    def _failed(self, why: Why, detail: str) -> BackendUnavailable:
        return BackendUnavailable(self._name, why, detail)
