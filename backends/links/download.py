"""Download a file from a user's link, with limits for addresses, size, time and speed."""

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
    """Why the download of a link failed; texts for users depend on it."""

    BAD_URL = "bad_url"  #: the link is not followed
    UNREACHABLE = "unreachable"  #: no such name, no response, or a forbidden address
    FORBIDDEN = "forbidden"  #: 401, 403, 407, 451
    NOT_FOUND = "not_found"  #: 404, 410
    SERVER_FAILED = "server_failed"  #: any other status than 2xx
    NOT_A_FILE = "not_a_file"  #: a web page, or compressed content
    TOO_BIG = "too_big"
    TOO_SLOW = "too_slow"
    TLS = "tls"  #: its certificate is not trusted
    BROKEN_OFF = "broken_off"  #: the connection broke too often


class FetchFailed(Exception):
    """The download of a link failed.

    Attributes:
        reason: which of the known errors it is.
    """

    def __init__(self, reason: LinkError) -> None:
        super().__init__(reason.value)
        self.reason = reason


def check_status(status: int) -> None:
    """Require a status that comes with a file.

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
MAX_RESUMES = 2  #: after broken connections
CHUNK_BYTES = 1 << 16
LinkParser = Callable[[str], URL]  #: raises UrlRejected if a link is not followed
REDIRECT_STATUSES = {301, 302, 303, 307, 308}
CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
HTML_START = re.compile(rb"\s*(?:<!doctype html|<html|<head|<\?xml[^>]*>\s*<html)", re.IGNORECASE)


class _ConnectionLost(Exception):
    """The connection ended before the file did."""


@dataclass(frozen=True)
class FetchLimits:
    """Limits of a download.

    Attributes:
        max_bytes: size of the file.
        max_seconds: duration of the download.
        stall_seconds: seconds until a response begins, and over which the rate is measured.
        head_seconds: seconds until the response at the end of all redirects begins.
        min_rate: bytes a second.
    """

    max_bytes: int = 2 << 30
    max_seconds: float = 900
    stall_seconds: float = 15
    head_seconds: float = 30
    min_rate: int = 32 << 10


async def fetch(
    session: ClientSession,
    link: str,
    path: Path,
    limits: FetchLimits,
    parse: LinkParser = parse_link,
) -> int:
    """Download the file behind *link* to *path* and return its size in bytes.

    Args:
        session: from :func:`backends.links.ssrf_guard.create_guarded_session`.
        link: as the user sent it.
        path: appears only when it is complete; no part of a name comes from the server.
        limits: limits of the download.
        parse: decides whether the link and its redirects are followed.

    Raises:
        FetchFailed: the download failed.
        OutputFailed: the file cannot be written.
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
    """One download: what has been received, and how to resume."""

    def __init__(
        self, session: ClientSession, parse: LinkParser, url: URL, part: Path, limits: FetchLimits
    ) -> None:
        self._session, self._parse, self._url = session, parse, url
        self._part, self._limits = part, limits
        self._received = 0
        self._etag = ""
        self._total: int | None = None  # bytes of the file, where the server states them

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
        """Yield the response at the end of the redirects, each of which passes the same checks."""
        url, deadline = self._url, asyncio.get_running_loop().time() + self._limits.head_seconds
        for _ in range(1 + MAX_REDIRECTS):
            async with self._send_request(url, deadline) as answer:
                if answer.status not in REDIRECT_STATUSES:
                    yield answer
                    return
                url = _resolve_redirect(url, answer, self._parse)
        raise UrlRejected

    @asynccontextmanager
    async def _send_request(self, url: URL, deadline: float) -> AsyncIterator[ClientResponse]:
        headers = {"Accept-Encoding": "identity"}
        if self._received and self._etag:
            headers |= {"Range": f"bytes={self._received}-", "If-Range": self._etag}
        try:
            async with asyncio.timeout(self._limits.stall_seconds), asyncio.timeout_at(deadline):
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
        """Check the headers of the response, and set the position at which its body begins."""
        check_status(answer.status)
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise FetchFailed(LinkError.NOT_A_FILE)
        if answer.content_type in {"text/html", "application/xhtml+xml"}:
            raise FetchFailed(LinkError.NOT_A_FILE)
        tag = answer.headers.get("ETag", "")
        tag = tag if tag.startswith('"') else ""  # a weak one does not identify bytes
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            self._check_range(answer.headers.get("Content-Range", ""), tag)
        else:
            self._received, self._total = 0, answer.content_length
        self._etag = tag
        if self._received + (answer.content_length or 0) > self._limits.max_bytes:
            raise FetchFailed(LinkError.TOO_BIG)

    def _check_range(self, header: str, tag: str) -> None:
        """Check that a part is the rest of the same file, which ends where the file ends."""
        found = CONTENT_RANGE.fullmatch(header)
        first, last, total = map(int, found.groups()) if found else (-1, 0, 0)
        is_rest = first == self._received and last + 1 == total
        is_same = self._total in {None, total} and tag == self._etag
        if not is_rest or (self._received and not is_same):
            raise FetchFailed(LinkError.SERVER_FAILED)
        self._total = total

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
        """Yield the body, as long as it arrives fast enough."""
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
    """Return the target of a redirect.

    Raises:
        UrlRejected: it is not followed, or leads from https to http.
    """
    try:
        target = parse(str(url.join(URL(answer.headers["Location"]))))
    except (KeyError, ValueError) as err:
        raise UrlRejected from err
    if url.scheme == "https" and target.scheme == "http":
        raise UrlRejected
    return target
