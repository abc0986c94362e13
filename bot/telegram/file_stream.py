"""Streams one file from Telegram to the disk, with limits on size and rate.

The address contains the token, and aiohttp's errors contain the address. Therefore our errors are
raised outside of the handlers of aiohttp's, without a context.
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
    """How fast a file must arrive, and how often its download is attempted.

    Attributes:
        timeout_seconds: for the answer to begin; also the time over which the rate is measured.
        min_rate: the lowest rate, in bytes per second.
        attempts: at most, with the first one.
        retry_seconds: between the first two attempts; doubled each time.
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
    """Write the file at Telegram's path *name* to *part*.

    Args:
        bot: the bot that received the file.
        name: the path that getFile returned.
        part: the file to write.
        max_bytes: the largest size; None without a limit.
        size: in bytes, where getFile returned it.
        limits: how fast the file must arrive.

    Raises:
        TransientDownloadError: another attempt may help, with a new path.
        DownloadRejected: the file is too big, or *name* is not a path below the bot's folder.
        TelegramUnavailable: a later attempt may succeed.
        OutputFailed: *part* cannot be written.
    """
    response = await _open_response(bot, name, limits)
    if response is None:
        raise TransientDownloadError(TelegramUnavailable(UNAVAILABLE_RETRY_SECONDS))
    try:
        _check_status(response.status, response.headers)
        _check_size((response.content_length or 0), max_bytes)
        written = await _write_body(response, part, max_bytes, limits)
    finally:
        response.close()
    if response.content_length is None and size is not None and written != size:
        raise TransientDownloadError(DownloadRejected(LinkError.BROKEN_OFF))


async def _open_response(bot: Bot, name: str, limits: TransferLimits) -> ClientResponse | None:
    """Return Telegram's response; None where none comes in time."""
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
    """Quote *name*, and check that it stays below the bot's folder in the address."""
    if PurePosixPath(name).is_absolute() or {"..", "."} & set(name.split("/")) or "\\" in name:
        raise DownloadRejected(FailureCode.FILE_GONE)
    return quote(name)


def _check_status(status: int, headers: Mapping[str, str]) -> None:
    match status:
        case 200:
            return
        case 400 | 404 | 410:  # the path has expired: it is valid for an hour
            raise TransientDownloadError(DownloadRejected(FailureCode.FILE_GONE))
        case 401 | 403:  # this file alone: getFile has just accepted the token
            raise TransientDownloadError(DownloadRejected(FailureCode.FILE_REFUSED))
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
    """Write the body, and return its size in bytes."""
    written = 0
    with translate_output_errors(), part.open("wb") as file:
        async for chunk in _read_chunks(response, limits):
            written += len(chunk)
            _check_size(written, max_bytes)
            file.write(chunk)
    return written


async def _read_chunks(response: ClientResponse, limits: TransferLimits) -> AsyncIterator[bytes]:
    """Yield the body, as long as it arrives at the lowest rate or faster."""
    loop = asyncio.get_running_loop()
    started, received = loop.time(), 0
    while chunk := await _read_chunk(response, started + limits.timeout_seconds):
        yield chunk
        received += len(chunk)
        if received >= limits.timeout_seconds * limits.min_rate:
            started, received = loop.time(), 0


async def _read_chunk(response: ClientResponse, deadline: float) -> bytes:
    reason = LinkError.BROKEN_OFF
    try:
        async with asyncio.timeout_at(deadline):
            return await response.content.read(READ_CHUNK_BYTES)
    except TimeoutError:
        reason = LinkError.TOO_SLOW
    except (ClientError, OSError):
        pass
    raise TransientDownloadError(DownloadRejected(reason))
