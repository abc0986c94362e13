"""Files from links that strangers send: guarded, capped, timed, whole or not at all."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from ssl import SSLError

from aiohttp import (
    ClientConnectorCertificateError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientSession,
    ClientSSLError,
)
from yarl import URL

from backends.links.ssrf_guard import UrlRejected, checked
from video_editing.contract.atomic_file import whole
from video_editing.contract.errors import OutputFailed


class LinkFault(StrEnum):
    """Why nothing came from a link; the texts for people hang on it."""

    BAD_URL = "bad_url"  #: none that we follow
    UNREACHABLE = "unreachable"  #: no such name, nobody answers, or an address we do not go to
    FORBIDDEN = "forbidden"  #: 401, 403, 451: it is not for everybody
    NOT_FOUND = "not_found"  #: 404, 410
    SERVER_FAILED = "server_failed"  #: any other status that is no success
    NOT_A_FILE = "not_a_file"  #: a page to look at, or something packed
    TOO_BIG = "too_big"
    TOO_SLOW = "too_slow"
    TLS = "tls"  #: its certificate is not to be trusted
    BROKEN_OFF = "broken_off"  #: the connection broke, again and again


class FetchFailed(Exception):  # noqa: N818 - it says what happened, not that something broke
    """Nothing usable came from the link.

    Attributes:
        fault: which of the known faults it is.
    """

    def __init__(self, fault: LinkFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


def look_at_status(status: int) -> None:
    """Let the statuses pass that come with a file.

    Raises:
        FetchFailed: *status* is another one.
    """
    match status:
        case HTTPStatus.OK | HTTPStatus.PARTIAL_CONTENT:
            return
        case 401 | 403 | 407 | 451:
            raise FetchFailed(LinkFault.FORBIDDEN)
        case 404 | 410:
            raise FetchFailed(LinkFault.NOT_FOUND)
        case _:
            raise FetchFailed(LinkFault.SERVER_FAILED)


REDIRECTS = 5
RESUMES = 2  #: after a connection that broke off
CHUNK = 1 << 16  #: bytes
Gate = Callable[[str], URL]  #: the parsed link; raises UrlRejected where it is not followed
MOVED = {301, 302, 303, 307, 308}
PAGE = re.compile(rb"\s*(?:<!doctype html|<html|<head|<\?xml[^>]*>\s*<html)", re.IGNORECASE)


class _BrokeOff(Exception):  # noqa: N818
    """The connection ended before the file did."""


@dataclass(frozen=True)
class FetchLimits:
    """How much and how long.

    Attributes:
        size: bytes of the file.
        seconds: for all of it.
        patience: seconds for an answer to begin, and over which the rate is taken.
        rate: bytes a second, at least.
    """

    size: int = 2 << 30
    seconds: float = 900
    patience: float = 15
    rate: int = 16 << 10


async def fetch(
    session: ClientSession, link: str, path: Path, limits: FetchLimits, gate: Gate = checked
) -> int:
    """Write what *link* leads to under *path* and tell its size in bytes.

    Args:
        session: made by :func:`backends.links.ssrf_guard.guarded_session`.
        link: as the user sent it.
        path: appears only when it is whole; nothing that a server says becomes part of a name.
        limits: where to stop.
        gate: what of the link, and of redirects, is followed.

    Raises:
        FetchFailed: nothing usable came.
        OutputFailed: it cannot be written.
    """
    try:
        async with asyncio.timeout(limits.seconds):
            with whole(path) as part:
                return await _Fetch(session, gate, gate(link), part, limits).run()
    except UrlRejected as err:
        raise FetchFailed(LinkFault.BAD_URL) from err
    except TimeoutError as err:
        raise FetchFailed(LinkFault.TOO_SLOW) from err
    except OSError as err:
        raise OutputFailed(f"{path.name}: {err.strerror}") from err


class _Fetch:
    """One file on its way: what is there of it, and how to go on."""

    def __init__(
        self, session: ClientSession, gate: Gate, url: URL, part: Path, limits: FetchLimits
    ) -> None:
        self._session, self._gate, self._url = session, gate, url
        self._part, self._limits = part, limits
        self._done = 0
        self._tag: str | None = None

    async def run(self) -> int:
        self._part.touch()
        for _ in range(1 + RESUMES):
            try:
                await self._attempt()
            except _BrokeOff:
                continue
            return self._done
        raise FetchFailed(LinkFault.BROKEN_OFF)

    async def _attempt(self) -> None:
        async with self._answer() as answer:
            self._start(answer)
            await self._receive(answer)

    @asynccontextmanager
    async def _answer(self) -> AsyncIterator[ClientResponse]:
        """The answer at the end of the redirects, each of which passes the same gates."""
        url = self._url
        for _ in range(1 + REDIRECTS):
            async with self._asked(url) as answer:
                if answer.status not in MOVED:
                    yield answer
                    return
                url = _next(url, answer, self._gate)
        raise UrlRejected

    @asynccontextmanager
    async def _asked(self, url: URL) -> AsyncIterator[ClientResponse]:
        headers = {"Accept-Encoding": "identity"}
        if self._done and self._tag:
            headers |= {"Range": f"bytes={self._done}-", "If-Range": self._tag}
        try:
            async with asyncio.timeout(self._limits.patience):
                answer = await self._session.get(url, headers=headers, allow_redirects=False)
        except TimeoutError:
            raise
        except (ClientConnectorCertificateError, ClientSSLError, SSLError) as err:
            raise FetchFailed(LinkFault.TLS) from err
        except (ClientError, OSError, ValueError) as err:
            raise FetchFailed(LinkFault.UNREACHABLE) from err
        try:
            yield answer
        finally:
            answer.close()

    def _start(self, answer: ClientResponse) -> None:
        """Look at the head of the answer and go on where it goes on."""
        look_at_status(answer.status)
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise FetchFailed(LinkFault.NOT_A_FILE)
        if answer.content_type in {"text/html", "application/xhtml+xml"}:
            raise FetchFailed(LinkFault.NOT_A_FILE)
        resumed = answer.status == HTTPStatus.PARTIAL_CONTENT
        if resumed and not answer.headers.get("Content-Range", "").startswith(
            f"bytes {self._done}-"
        ):
            raise FetchFailed(LinkFault.SERVER_FAILED)
        if not resumed:
            self._done = 0
        tag = answer.headers.get("ETag", "")
        self._tag = tag if tag.startswith('"') else None  # a weak one promises nothing about bytes
        if self._done + (answer.content_length or 0) > self._limits.size:
            raise FetchFailed(LinkFault.TOO_BIG)

    async def _receive(self, answer: ClientResponse) -> None:
        with self._part.open("r+b") as file:
            file.truncate(self._done)
            file.seek(self._done)
            async for chunk in self._chunks(answer):
                if self._done + len(chunk) > self._limits.size:
                    raise FetchFailed(LinkFault.TOO_BIG)
                if not self._done and PAGE.match(chunk):
                    raise FetchFailed(LinkFault.NOT_A_FILE)
                file.write(chunk)
                self._done += len(chunk)

    async def _chunks(self, answer: ClientResponse) -> AsyncIterator[bytes]:
        """The body, as long as it flows fast enough."""
        loop, limits = asyncio.get_running_loop(), self._limits
        since, came = loop.time(), 0
        while True:
            try:
                async with asyncio.timeout_at(since + limits.patience):
                    chunk = await answer.content.read(CHUNK)
            except (ClientPayloadError, ClientError, ConnectionError) as err:
                raise _BrokeOff from err
            if not chunk:
                return
            yield chunk
            came += len(chunk)
            if came >= limits.patience * limits.rate:
                since, came = loop.time(), 0


def _next(url: URL, answer: ClientResponse, gate: Gate) -> URL:
    """Where a redirect leads.

    Raises:
        UrlRejected: nowhere that we follow, or from a safe connection to an open one.
    """
    try:
        onward = gate(str(url.join(URL(answer.headers["Location"]))))
    except (KeyError, ValueError) as err:
        raise UrlRejected from err
    if url.scheme == "https" and onward.scheme == "http":
        raise UrlRejected
    return onward
