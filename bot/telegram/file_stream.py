"""One file's bytes from Telegram: as many as announced, fast enough, and not too many.

The address carries the token, and aiohttp's errors the address. They are therefore let go before
ours are raised: raised from within a handler, ours would lead back to them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiohttp import ClientError, ClientResponse, ClientTimeout

from backends.links.download import LinkError
from backends.remote.http_client import parse_retry_after
from bot.domain.outcomes import FailureCode
from bot.telegram.client import CONNECT_SECONDS
from bot.telegram.errors import (
    UNAUTHORIZED_RETRY_SECONDS,
    UNAVAILABLE_RETRY_SECONDS,
    DownloadRejected,
    TelegramUnavailable,
    TransientDownloadError,
)
from bot.telegram.limits import describe_sizes
from video_editing.contract.atomic_file import translate_output_errors

READ_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """How fast a file must come, and how often it is tried.

    Attributes:
        timeout_seconds: seconds for an answer to begin, and over which the rate is taken.
        min_rate: bytes a second, at least.
        attempts: in all.
        retry_seconds: seconds before the second attempt; then twice as long, and so on.
    """

    timeout_seconds: float = 15
    min_rate: int = 32 << 10
    attempts: int = 4
    retry_seconds: float = 1


async def stream_to_file(
    bot: Bot,
    name: str,
    part: Path,
    *,
    max_bytes: int | None,
    size: int | None,
    limits: TransferLimits,
) -> None:
    """Write the file that Telegram calls *name* to *part*.

    Args:
        bot: whose file it is.
        name: as getFile told it.
        part: where to.
        max_bytes: bytes after which it is too big.
        size: bytes, as far as getFile told.
        limits: how fast it must come.

    Raises:
        Passing: another attempt may help, with a new name.
        Unfetched: it is too big, or *name* is none.
        TelegramAway: not now.
        OutputFailed: it cannot be written.
    """
    answer = await _open_response(bot, name, limits)
    if answer is None:
        raise TransientDownloadError(TelegramUnavailable(UNAVAILABLE_RETRY_SECONDS))
    try:
        _check_status(answer.status, answer.headers)
        _check_size((answer.content_length or 0), max_bytes)
        done = await _write_body(answer, part, max_bytes, limits)
    finally:
        answer.close()
    if answer.content_length is None and size is not None and done != size:
        raise TransientDownloadError(DownloadRejected(LinkError.BROKEN_OFF))


async def _open_response(bot: Bot, name: str, limits: TransferLimits) -> ClientResponse | None:
    """What Telegram answers, if it does."""
    assert isinstance(bot.session, AiohttpSession)
    session = await bot.session.create_session()
    url = bot.session.api.file_url(bot.token, _quote_name(name))
    try:
        async with asyncio.timeout(limits.timeout_seconds):
            return await session.get(
                url,
                headers={"Accept-Encoding": "identity"},
                allow_redirects=False,
                timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            )
    except (ClientError, OSError, ValueError):
        return None


def _quote_name(name: str) -> str:
    """*name*, which must stay below the token in the address."""
    if PurePosixPath(name).is_absolute() or {"..", "."} & set(name.split("/")) or "\\" in name:
        raise DownloadRejected(FailureCode.FILE_GONE)
    return quote(name)


def _check_status(status: int, headers: Mapping[str, str]) -> None:
    match status:
        case 200:
            return
        case 400 | 404 | 410:  # the name has expired: it holds for an hour
            raise TransientDownloadError(DownloadRejected(FailureCode.FILE_GONE))
        case 401 | 403:
            raise TelegramUnavailable(UNAUTHORIZED_RETRY_SECONDS)
        case 429:
            raise TelegramUnavailable(
                parse_retry_after(headers.get("Retry-After", "")) or UNAVAILABLE_RETRY_SECONDS
            )
        case _:
            raise TransientDownloadError(TelegramUnavailable(UNAVAILABLE_RETRY_SECONDS))


def _check_size(size: int, max_bytes: int | None) -> None:
    if max_bytes is not None and size > max_bytes:
        raise DownloadRejected(FailureCode.FILE_TOO_BIG, **describe_sizes(size, max_bytes))


async def _write_body(
    response: ClientResponse, part: Path, max_bytes: int | None, limits: TransferLimits
) -> int:
    """Write what comes, and tell how much it was."""
    done = 0
    with translate_output_errors(), part.open("wb") as file:
        async for chunk in _read_chunks(response, limits):
            done += len(chunk)
            _check_size(done, max_bytes)
            file.write(chunk)
    return done


async def _read_chunks(response: ClientResponse, limits: TransferLimits) -> AsyncIterator[bytes]:
    """The body, as long as it flows fast enough."""
    loop = asyncio.get_running_loop()
    since, came = loop.time(), 0
    while chunk := await _read_chunk(response, since + limits.timeout_seconds):
        yield chunk
        came += len(chunk)
        if came >= limits.timeout_seconds * limits.min_rate:
            since, came = loop.time(), 0


async def _read_chunk(response: ClientResponse, deadline: float) -> bytes:
    fault = LinkError.BROKEN_OFF
    try:
        async with asyncio.timeout_at(deadline):
            return await response.content.read(READ_CHUNK_BYTES)
    except TimeoutError:
        fault = LinkError.TOO_SLOW
    except (ClientError, OSError):
        pass
    raise TransientDownloadError(DownloadRejected(fault))
