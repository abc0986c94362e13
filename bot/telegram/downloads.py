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
from bot.domain.media_source import MediaSource, SourceKind
from bot.domain.outcomes import FailureCode
from bot.telegram.errors import (
    UNAUTHORIZED_RETRY_SECONDS,
    DownloadRejected,
    TelegramUnavailable,
    TransientDownloadError,
    classify_temporary_error,
)
from bot.telegram.file_stream import TransferLimits, stream_to_file
from bot.telegram.limits import CLOUD_DOWNLOAD_BYTES, MB, TelegramLimits, describe_sizes
from video_editing.contract.atomic_file import atomic_write
from video_editing.contract.errors import OutputFailed

SERVER_FOLDER = Path("/var/lib/telegram-bot-api")  #: where such a server works if it is not told

log = logging.getLogger(__name__)


def link_from_local_server(
    name: str, server_folder: Path, part: Path, max_bytes: int | None
) -> None:
    """Put the file that the server calls *name* under *part*, by a link where that is possible.

    The server's names carry the token, so no error of the system's leaves here.

    Raises:
        Unfetched: it is too big, not there, or not in the folder *server_folder*.
        TelegramAway: it may not be read.
        OutputFailed: it cannot be written.
    """
    file = _resolve_file(name, server_folder)
    size = _get_readable_size(file)
    if max_bytes is not None and size > max_bytes:
        raise DownloadRejected(FailureCode.FILE_TOO_BIG, **describe_sizes(size, max_bytes))
    if why := _try_link(file, part) and _try_copy(file, part):
        raise OutputFailed(why)


def _resolve_file(name: str, server_folder: Path) -> Path:
    """The file itself, whatever links lead to it."""
    try:
        file = Path(name).resolve(strict=True)
        inside = file.is_relative_to(server_folder.resolve()) and file.is_file()
    except (OSError, ValueError, RuntimeError):  # not there; a NUL in it; links in a circle
        inside = False
    if not inside:
        raise DownloadRejected(FailureCode.FILE_GONE)
    return file


def _get_readable_size(file: Path) -> int:
    """How many, if they can be read at all."""
    try:
        with file.open("rb") as opened:
            return os.fstat(opened.fileno()).st_size
    except OSError as err:
        why = err.strerror
    log.error("files of the Bot API server cannot be read: %s", why)
    raise TelegramUnavailable(UNAUTHORIZED_RETRY_SECONDS)


def _try_link(file: Path, part: Path) -> str | None:
    """Nothing, or why not: another disk, another owner."""
    try:
        os.link(file, part)
    except OSError as err:
        return err.strerror or "no link"
    return None


def _try_copy(file: Path, part: Path) -> str | None:
    """Nothing, or why not."""
    try:
        shutil.copyfile(file, part)
    except OSError as err:
        return err.strerror or "no copy"
    return None


__all__ = ["DownloadRejected", "Downloader", "TelegramUnavailable"]

LOCAL_TIMEOUT_SECONDS = 1800  #: a local server answers when it has the whole file


class Downloader:
    """Telegram's files and links, through one door."""

    def __init__(
        self,
        bot: Bot,
        links: ClientSession,
        limits: TelegramLimits,
        *,
        server_folder: Path = SERVER_FOLDER,
        transfer_limits: TransferLimits | None = None,
    ) -> None:
        """Remember whom to ask.

        Args:
            bot: with a :class:`bot.telegram.client.Session`.
            links: made by :func:`backends.links.ssrf_guard.guarded_session`.
            limits: of what is taken.
            server_folder: where a Bot API server of one's own keeps its files.
            transfer_limits: of Telegram's files.
        """
        self._bot, self._links, self._limits = bot, links, limits
        self._server_folder, self._transfer_limits = (
            server_folder,
            transfer_limits or TransferLimits(),
        )

    async def fetch(self, source: MediaSource, path: Path) -> None:
        """Write *source* to *path*, where it appears when it is whole.

        Raises:
            Unfetched: it cannot be had; asking again is pointless.
            TelegramAway: it may be had later.
            OutputFailed: it cannot be written.
        """
        if source.kind is SourceKind.LINK:
            await self._fetch_link(source.link, path)
        else:
            await self._fetch_file(source, path)

    async def _fetch_link(self, link: str, path: Path) -> None:
        most = self._limits.link_bytes
        try:
            await fetch(self._links, link, path, FetchLimits(max_bytes=most))
        except FetchFailed as err:
            fault = err.reason
        else:
            return
        # Raised here, so that nothing leads back to errors that quote the link.
        raise DownloadRejected(fault, limit=most // MB)

    async def _fetch_file(self, source: MediaSource, path: Path) -> None:
        try:
            async for attempt in stamina.retry_context(
                TransientDownloadError,
                attempts=self._transfer_limits.attempts,
                timeout=None,
                wait_initial=self._transfer_limits.retry_seconds,
                wait_jitter=self._transfer_limits.retry_seconds,
            ):
                with attempt:
                    await self._fetch_once(source, path)
        except TransientDownloadError as passing:
            failure = passing.final_error
        else:
            return
        raise failure

    async def _fetch_once(self, source: MediaSource, path: Path) -> None:
        """Ask for the file's name, which holds for an hour, and take what is there."""
        most = self._limits.get_max_bytes(source.kind)
        file = await self._get_file(source)
        name = file.file_path or ""
        with atomic_write(path) as part:
            if self._bot.session.api.is_local and name.startswith("/"):
                await asyncio.to_thread(
                    link_from_local_server, name, self._server_folder, part, most
                )
                return
            if name.startswith("/"):
                log.error("the Bot API server hands out paths: set TELEGRAM_API_LOCAL")
            await stream_to_file(
                self._bot,
                name,
                part,
                max_bytes=most,
                size=file.file_size,
                limits=self._transfer_limits,
            )

    async def _get_file(self, source: MediaSource) -> File:
        local = self._bot.session.api.is_local
        try:
            return await self._bot(
                GetFile(file_id=source.file_id),
                request_timeout=LOCAL_TIMEOUT_SECONDS if local else None,
            )
        except TelegramBadRequest as err:
            raise self._classify_refusal(err.message.lower(), source) from err
        except TelegramAPIError as err:
            if (away := classify_temporary_error(err)) is None:
                raise
            raise TelegramUnavailable(away.seconds) from err

    def _classify_refusal(
        self, message: str, source: MediaSource
    ) -> DownloadRejected | TransientDownloadError:
        if "too big" in message:
            most = self._limits.get_max_bytes(source.kind) or CLOUD_DOWNLOAD_BYTES
            return DownloadRejected(
                FailureCode.FILE_TOO_BIG, **describe_sizes(max(source.size or 0, most + 1), most)
            )
        gone = DownloadRejected(FailureCode.FILE_GONE)
        return TransientDownloadError(gone) if "temporarily" in message else gone
