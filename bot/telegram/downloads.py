"""Files that people sent or linked to: whole under their path, or a reason and nothing."""

import asyncio
import logging
import os
import shutil
from pathlib import Path

import stamina
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest
from aiogram.methods import GetFile
from aiogram.types import File
from aiohttp import ClientSession

from backends.links.download import FetchFailed, FetchLimits, fetch
from bot.domain.media_source import Kind, Source
from bot.domain.outcomes import Fault
from bot.telegram.errors import LOCKED_SECONDS, Passing, TelegramAway, Unfetched, later
from bot.telegram.file_stream import Pace, receive
from bot.telegram.limits import CLOUD_DOWNLOAD, MB, Limits, sizes
from video_editing.contract.atomic_file import whole
from video_editing.contract.errors import OutputFailed

SHARED = Path("/var/lib/telegram-bot-api")  #: where such a server works if it is not told

log = logging.getLogger(__name__)


def take(name: str, shared: Path, part: Path, most: int | None) -> None:
    """Put the file that the server calls *name* under *part*, by a link where that is possible.

    The server's names carry the token, so no error of the system's leaves here.

    Raises:
        Unfetched: it is too big, not there, or not in the folder *shared*.
        TelegramAway: it may not be read.
        OutputFailed: it cannot be written.
    """
    file = _inside(name, shared)
    size = _readable_bytes(file)
    if most is not None and size > most:
        raise Unfetched(Fault.TOO_BIG_FILE, **sizes(size, most))
    if why := _linked(file, part) and _copied(file, part):
        raise OutputFailed(why)


def _inside(name: str, shared: Path) -> Path:
    """The file itself, whatever links lead to it."""
    try:
        file = Path(name).resolve(strict=True)
        inside = file.is_relative_to(shared.resolve()) and file.is_file()
    except (OSError, ValueError, RuntimeError):  # not there; a NUL in it; links in a circle
        inside = False
    if not inside:
        raise Unfetched(Fault.GONE_FILE)
    return file


def _readable_bytes(file: Path) -> int:
    """How many, if they can be read at all."""
    try:
        with file.open("rb") as opened:
            return os.fstat(opened.fileno()).st_size
    except OSError as err:
        why = err.strerror
    log.error("files of the Bot API server cannot be read: %s", why)
    raise TelegramAway(LOCKED_SECONDS)


def _linked(file: Path, part: Path) -> str | None:
    """Nothing, or why not: another disk, another owner."""
    try:
        os.link(file, part)
    except OSError as err:
        return err.strerror or "no link"
    return None


def _copied(file: Path, part: Path) -> str | None:
    """Nothing, or why not."""
    try:
        shutil.copyfile(file, part)
    except OSError as err:
        return err.strerror or "no copy"
    return None


__all__ = ["Downloads", "TelegramAway", "Unfetched"]

LOCAL_SECONDS = 1800  #: a local server answers when it has the whole file


class Downloads:
    """Telegram's files and links, through one door."""

    def __init__(
        self,
        bot: Bot,
        links: ClientSession,
        limits: Limits,
        *,
        shared: Path = SHARED,
        pace: Pace | None = None,
    ) -> None:
        """Remember whom to ask.

        Args:
            bot: with a :class:`bot.telegram.client.Session`.
            links: made by :func:`backends.links.ssrf_guard.guarded_session`.
            limits: of what is taken.
            shared: where a Bot API server of one's own keeps its files.
            pace: of Telegram's files.
        """
        self._bot, self._links, self._limits = bot, links, limits
        self._shared, self._pace = shared, pace or Pace()

    async def fetch(self, source: Source, path: Path) -> None:
        """Write *source* to *path*, where it appears when it is whole.

        Raises:
            Unfetched: it cannot be had; asking again is pointless.
            TelegramAway: it may be had later.
            OutputFailed: it cannot be written.
        """
        if source.kind is Kind.LINK:
            await self._follow(source.link, path)
        else:
            await self._receive(source, path)

    async def _follow(self, link: str, path: Path) -> None:
        most = self._limits.link_bytes
        try:
            await fetch(self._links, link, path, FetchLimits(size=most))
        except FetchFailed as err:
            fault = err.fault
        else:
            return
        # Raised here, so that nothing leads back to errors that quote the link.
        raise Unfetched(fault, limit=most // MB)

    async def _receive(self, source: Source, path: Path) -> None:
        try:
            async for attempt in stamina.retry_context(
                Passing,
                attempts=self._pace.attempts,
                timeout=None,
                wait_initial=self._pace.pause,
                wait_jitter=self._pace.pause,
            ):
                with attempt:
                    await self._attempt(source, path)
        except Passing as passing:
            failure = passing.final
        else:
            return
        raise failure

    async def _attempt(self, source: Source, path: Path) -> None:
        """Ask for the file's name, which holds for an hour, and take what is there."""
        most = self._limits.of_file(source.kind)
        file = await self._file(source)
        name = file.file_path or ""
        with whole(path) as part:
            if self._bot.session.api.is_local and name.startswith("/"):
                await asyncio.to_thread(take, name, self._shared, part, most)
                return
            if name.startswith("/"):
                log.error("the Bot API server hands out paths: set TELEGRAM_API_LOCAL")
            await receive(self._bot, name, part, most=most, size=file.file_size, pace=self._pace)

    async def _file(self, source: Source) -> File:
        local = self._bot.session.api.is_local
        try:
            return await self._bot(
                GetFile(file_id=source.file_id), request_timeout=LOCAL_SECONDS if local else None
            )
        except TelegramBadRequest as err:
            raise self._refused(err.message.lower(), source) from err
        except TelegramAPIError as err:
            if (away := later(err)) is None:
                raise
            raise TelegramAway(away.seconds) from err

    def _refused(self, why: str, source: Source) -> Unfetched | Passing:
        if "too big" in why:
            most = self._limits.of_file(source.kind) or CLOUD_DOWNLOAD
            return Unfetched(Fault.TOO_BIG_FILE, **sizes(max(source.size or 0, most + 1), most))
        gone = Unfetched(Fault.GONE_FILE)
        return Passing(gone) if "temporarily" in why else gone
