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

from backends.links.download import LinkFault
from backends.remote.http_client import seconds_until
from bot.domain.outcomes import Fault
from bot.telegram.client import CONNECT_SECONDS
from bot.telegram.errors import AWAY_SECONDS, LOCKED_SECONDS, Passing, TelegramAway, Unfetched
from bot.telegram.limits import sizes
from video_editing.contract.atomic_file import output_errors

CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a file must come, and how often it is tried.

    Attributes:
        patience: seconds for an answer to begin, and over which the rate is taken.
        rate: bytes a second, at least.
        attempts: in all.
        pause: seconds before the second attempt; then twice as long, and so on.
    """

    patience: float = 15
    rate: int = 32 << 10
    attempts: int = 4
    pause: float = 1


async def receive(
    bot: Bot, name: str, part: Path, *, most: int | None, size: int | None, pace: Pace
) -> None:
    """Write the file that Telegram calls *name* to *part*.

    Args:
        bot: whose file it is.
        name: as getFile told it.
        part: where to.
        most: bytes after which it is too big.
        size: bytes, as far as getFile told.
        pace: how fast it must come.

    Raises:
        Passing: another attempt may help, with a new name.
        Unfetched: it is too big, or *name* is none.
        TelegramAway: not now.
        OutputFailed: it cannot be written.
    """
    answer = await _answer(bot, name, pace)
    if answer is None:
        raise Passing(TelegramAway(AWAY_SECONDS))
    try:
        _look_at(answer.status, answer.headers)
        _see_it_small((answer.content_length or 0), most)
        done = await _write(answer, part, most, pace)
    finally:
        answer.close()
    if answer.content_length is None and size is not None and done != size:
        raise Passing(Unfetched(LinkFault.BROKEN_OFF))


async def _answer(bot: Bot, name: str, pace: Pace) -> ClientResponse | None:
    """What Telegram answers, if it does."""
    assert isinstance(bot.session, AiohttpSession)
    session = await bot.session.create_session()
    url = bot.session.api.file_url(bot.token, _plain(name))
    try:
        async with asyncio.timeout(pace.patience):
            return await session.get(
                url,
                headers={"Accept-Encoding": "identity"},
                allow_redirects=False,
                timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            )
    except (ClientError, OSError, ValueError):
        return None


def _plain(name: str) -> str:
    """*name*, which must stay below the token in the address."""
    if PurePosixPath(name).is_absolute() or {"..", "."} & set(name.split("/")) or "\\" in name:
        raise Unfetched(Fault.GONE_FILE)
    return quote(name)


def _look_at(status: int, headers: Mapping[str, str]) -> None:
    match status:
        case 200:
            return
        case 400 | 404 | 410:  # the name has expired: it holds for an hour
            raise Passing(Unfetched(Fault.GONE_FILE))
        case 401 | 403:
            raise TelegramAway(LOCKED_SECONDS)
        case 429:
            raise TelegramAway(seconds_until(headers.get("Retry-After", "")) or AWAY_SECONDS)
        case _:
            raise Passing(TelegramAway(AWAY_SECONDS))


def _see_it_small(size: int, most: int | None) -> None:
    if most is not None and size > most:
        raise Unfetched(Fault.TOO_BIG_FILE, **sizes(size, most))


async def _write(answer: ClientResponse, part: Path, most: int | None, pace: Pace) -> int:
    """Write what comes, and tell how much it was."""
    done = 0
    with output_errors(), part.open("wb") as file:
        async for chunk in _chunks(answer, pace):
            done += len(chunk)
            _see_it_small(done, most)
            file.write(chunk)
    return done


async def _chunks(answer: ClientResponse, pace: Pace) -> AsyncIterator[bytes]:
    """The body, as long as it flows fast enough."""
    loop = asyncio.get_running_loop()
    since, came = loop.time(), 0
    while chunk := await _chunk(answer, since + pace.patience):
        yield chunk
        came += len(chunk)
        if came >= pace.patience * pace.rate:
            since, came = loop.time(), 0


async def _chunk(answer: ClientResponse, until: float) -> bytes:
    fault = LinkFault.BROKEN_OFF
    try:
        async with asyncio.timeout_at(until):
            return await answer.content.read(CHUNK)
    except TimeoutError:
        fault = LinkFault.TOO_SLOW
    except (ClientError, OSError):
        pass
    raise Passing(Unfetched(fault))
