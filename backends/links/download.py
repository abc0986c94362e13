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

from backends.links.ssrf_guard import UrlRejected, parse_link
from video_editing.contract.atomic_file import atomic_write
from video_editing.contract.errors import OutputFailed


class LinkError(StrEnum):
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


class FetchFailed(Exception):
    """Nothing usable came from the link.

    Attributes:
        reason: which of the known faults it is.
    """

    def __init__(self, reason: LinkError) -> None:
        super().__init__(reason.value)
        self.reason = reason


def check_status(status: int) -> None:
    """Let the statuses pass that come with a file.

    Raises:
        FetchFailed: *status* is another one.
    """
    match status:
        case HTTPStatus.OK | HTTPStatus.PARTIAL_CONTENT:
            return
        case 401 | 403 | 407 | 451:
            raise FetchFailed(LinkError.FORBIDDEN)
        case 404 | 410:
            raise FetchFailed(LinkError.NOT_FOUND)
        case _:
            raise FetchFailed(LinkError.SERVER_FAILED)


MAX_REDIRECTS = 5
MAX_RESUMES = 2  #: after a connection that broke off
CHUNK_BYTES = 1 << 16  #: bytes
LinkParser = Callable[[str], URL]  #: the parsed link; raises UrlRejected where it is not followed
REDIRECT_STATUSES = {301, 302, 303, 307, 308}
HTML_START = re.compile(rb"\s*(?:<!doctype html|<html|<head|<\?xml[^>]*>\s*<html)", re.IGNORECASE)


class _ConnectionLost(Exception):
    """The connection ended before the file did."""


@dataclass(frozen=True)
class FetchLimits:
    """How much and how long.

    Attributes:
        max_bytes: bytes of the file.
        max_seconds: for all of it.
        stall_seconds: seconds for an answer to begin, and over which the rate is taken.
        min_rate: bytes a second, at least.
    """

    max_bytes: int = 2 << 30
    max_seconds: float = 900
    stall_seconds: float = 15
    min_rate: int = 16 << 10


async def fetch(
    session: ClientSession,
    link: str,
    path: Path,
    limits: FetchLimits,
    parse: LinkParser = parse_link,
) -> int:
    """Write what *link* leads to under *path* and tell its size in bytes.

    Args:
        session: made by :func:`backends.links.ssrf_guard.guarded_session`.
        link: as the user sent it.
        path: appears only when it is whole; nothing that a server says becomes part of a name.
        limits: where to stop.
        parse: what of the link, and of redirects, is followed.

    Raises:
        FetchFailed: nothing usable came.
        OutputFailed: it cannot be written.
    """
    try:
        async with asyncio.timeout(limits.max_seconds):
            with atomic_write(path) as part:
                return await _Download(session, parse, parse(link), part, limits).run()
    except UrlRejected as err:
        raise FetchFailed(LinkError.BAD_URL) from err
    except TimeoutError as err:
        raise FetchFailed(LinkError.TOO_SLOW) from err
    except OSError as err:
        raise OutputFailed(f"{path.name}: {err.strerror}") from err


class _Download:
    """One file on its way: what is there of it, and how to go on."""

    def __init__(
        self, session: ClientSession, parse: LinkParser, url: URL, part: Path, limits: FetchLimits
    ) -> None:
        self._session, self._parse, self._url = session, parse, url
        self._part, self._limits = part, limits
        self._received = 0
        self._etag: str | None = None

    async def run(self) -> int:
        self._part.touch()
        for _ in range(1 + MAX_RESUMES):
            try:
                await self._attempt()
            except _ConnectionLost:
                continue
            return self._received
        raise FetchFailed(LinkError.BROKEN_OFF)

    async def _attempt(self) -> None:
        async with self._open_response() as answer:
            self._check_head(answer)
            await self._receive_body(answer)

    @asynccontextmanager
    async def _open_response(self) -> AsyncIterator[ClientResponse]:
        """The answer at the end of the redirects, each of which passes the same gates."""
        url = self._url
        for _ in range(1 + MAX_REDIRECTS):
            async with self._send_request(url) as answer:
                if answer.status not in REDIRECT_STATUSES:
                    yield answer
                    return
                url = _resolve_redirect(url, answer, self._parse)
        raise UrlRejected

    @asynccontextmanager
    async def _send_request(self, url: URL) -> AsyncIterator[ClientResponse]:
        headers = {"Accept-Encoding": "identity"}
        if self._received and self._etag:
            headers |= {"Range": f"bytes={self._received}-", "If-Range": self._etag}
        try:
            async with asyncio.timeout(self._limits.stall_seconds):
                answer = await self._session.get(url, headers=headers, allow_redirects=False)
        except TimeoutError:
            raise
        except (ClientConnectorCertificateError, ClientSSLError, SSLError) as err:
            raise FetchFailed(LinkError.TLS) from err
        except (ClientError, OSError, ValueError) as err:
            raise FetchFailed(LinkError.UNREACHABLE) from err
        try:
            yield answer
        finally:
            answer.close()

    def _check_head(self, answer: ClientResponse) -> None:
        """Look at the head of the answer and go on where it goes on."""
        check_status(answer.status)
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise FetchFailed(LinkError.NOT_A_FILE)
        if answer.content_type in {"text/html", "application/xhtml+xml"}:
            raise FetchFailed(LinkError.NOT_A_FILE)
        is_resumed = answer.status == HTTPStatus.PARTIAL_CONTENT
        if is_resumed and not answer.headers.get("Content-Range", "").startswith(
            f"bytes {self._received}-"
        ):
            raise FetchFailed(LinkError.SERVER_FAILED)
        if not is_resumed:
            self._received = 0
        tag = answer.headers.get("ETag", "")
        self._etag = tag if tag.startswith('"') else None  # a weak one promises nothing about bytes
        if self._received + (answer.content_length or 0) > self._limits.max_bytes:
            raise FetchFailed(LinkError.TOO_BIG)

    async def _receive_body(self, answer: ClientResponse) -> None:
        with self._part.open("r+b") as file:
            file.truncate(self._received)
            file.seek(self._received)
            async for chunk in self._read_chunks(answer):
                if self._received + len(chunk) > self._limits.max_bytes:
                    raise FetchFailed(LinkError.TOO_BIG)
                if not self._received and HTML_START.match(chunk):
                    raise FetchFailed(LinkError.NOT_A_FILE)
                file.write(chunk)
                self._received += len(chunk)

    async def _read_chunks(self, answer: ClientResponse) -> AsyncIterator[bytes]:
        """The body, as long as it flows fast enough."""
        loop, limits = asyncio.get_running_loop(), self._limits
        since, received = loop.time(), 0
        while True:
            try:
                async with asyncio.timeout_at(since + limits.stall_seconds):
                    chunk = await answer.content.read(CHUNK_BYTES)
            except (ClientPayloadError, ClientError, ConnectionError) as err:
                raise _ConnectionLost from err
            if not chunk:
                return
            yield chunk
            received += len(chunk)
            if received >= limits.stall_seconds * limits.min_rate:
                since, received = loop.time(), 0


def _resolve_redirect(url: URL, answer: ClientResponse, parse: LinkParser) -> URL:
    """Where a redirect leads.

    Raises:
        UrlRejected: nowhere that we follow, or from a safe connection to an open one.
    """
    try:
        target = parse(str(url.join(URL(answer.headers["Location"]))))
    except (KeyError, ValueError) as err:
        raise UrlRejected from err
    if url.scheme == "https" and target.scheme == "http":
        raise UrlRejected
    return target
