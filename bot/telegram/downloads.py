"""Downloads the files that users send or link to, completely or not at all."""

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
from bot.domain.job_request import MediaSource, SourceKind
from bot.domain.outcomes import FailureCode
from bot.telegram.assets import SAMPLE_CLIP
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

SERVER_FOLDER = Path("/var/lib/telegram-bot-api")  #: the default working folder of a Bot API server

LOCAL_TIMEOUT_SECONDS = 1800  #: a local server answers after it has received the complete file

log = logging.getLogger(__name__)


class Downloader:
    """Downloads files of Telegram's and files behind links."""

    def __init__(
        self,
        bot: Bot,
        links: ClientSession,
        limits: TelegramLimits,
        *,
        server_folder: Path = SERVER_FOLDER,
        transfer_limits: TransferLimits | None = None,
    ) -> None:
        """Store the clients and limits.

        Args:
            bot: with a :class:`bot.telegram.client.BotApiSession`.
            links: made by :func:`backends.links.ssrf_guard.create_guarded_session`.
            limits: the largest files.
            server_folder: where a local Bot API server stores its files.
            transfer_limits: how fast Telegram's files must arrive.
        """
        self._bot, self._links, self._limits = bot, links, limits
        self._server_folder = server_folder
        self._transfer_limits = transfer_limits or TransferLimits()

    async def fetch(self, source: MediaSource, path: Path) -> None:
        """Write *source* to *path*, which appears only when the file is complete.

        Raises:
            DownloadRejected: another attempt would not help.
            TelegramUnavailable: a later attempt may succeed.
            OutputFailed: the file cannot be written.
        """
        match source.kind:
            case SourceKind.LINK:
                await self._fetch_link(source.link, path)
            case SourceKind.SAMPLE:
                with atomic_write(path) as part:
                    await asyncio.to_thread(shutil.copyfile, SAMPLE_CLIP, part)
            case _:
                await self._fetch_file(source, path)

    async def _fetch_link(self, link: str, path: Path) -> None:
        max_bytes = self._limits.link_bytes
        try:
            await fetch(self._links, link, path, FetchLimits(max_bytes=max_bytes))
        except FetchFailed as err:
            reason = err.reason
        else:
            return
        # Raised outside of the handler: the errors of the download quote the link.
        raise DownloadRejected(reason, limit=max_bytes // MB)

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
        except TransientDownloadError as err:
            failure = err.final_error
        else:
            return
        raise failure

    async def _fetch_once(self, source: MediaSource, path: Path) -> None:
        """Ask for the file's path, which is valid for an hour, and download it."""
        max_bytes = self._limits.get_max_bytes(source.kind)
        file = await self._get_file(source)
        name = file.file_path or ""
        with atomic_write(path) as part:
            if self._bot.session.api.is_local and name.startswith("/"):
                await asyncio.to_thread(
                    link_from_local_server, name, self._server_folder, part, max_bytes
                )
                return
            if name.startswith("/"):
                log.error("the Bot API server returns paths of files: set TELEGRAM_API_LOCAL")
            await stream_to_file(
                self._bot,
                name,
                part,
                max_bytes=max_bytes,
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
            if (later := classify_temporary_error(err)) is None:
                raise
            raise TelegramUnavailable(later.seconds) from err

    def _classify_refusal(
        self, message: str, source: MediaSource
    ) -> DownloadRejected | TransientDownloadError:
        if "too big" in message:
            limit = self._limits.get_max_bytes(source.kind) or CLOUD_DOWNLOAD_BYTES
            sizes = describe_sizes(max(source.size or 0, limit + 1), limit)
            return DownloadRejected(FailureCode.FILE_TOO_BIG, **sizes)
        gone = DownloadRejected(FailureCode.FILE_GONE)
        return TransientDownloadError(gone) if "temporarily" in message else gone


def link_from_local_server(
    name: str, server_folder: Path, part: Path, max_bytes: int | None
) -> None:
    """Link, or else copy, the file at the server's path *name* to *part*.

    The server's paths contain the token, so no OSError leaves this function.

    Raises:
        DownloadRejected: the file is too big, missing, or outside of *server_folder*.
        TelegramUnavailable: the bot may not read it.
        OutputFailed: *part* cannot be written.
    """
    file = _resolve_file(name, server_folder)
    size = _get_readable_size(file)
    if max_bytes is not None and size > max_bytes:
        raise DownloadRejected(FailureCode.FILE_TOO_BIG, **describe_sizes(size, max_bytes))
    if reason := _try_link(file, part) and _try_copy(file, part):
        raise OutputFailed(reason)


def _resolve_file(name: str, server_folder: Path) -> Path:
    """Resolve all symbolic links of the path *name*, and check that the file may be used."""
    try:
        file = Path(name).resolve(strict=True)
        is_inside = file.is_relative_to(server_folder.resolve()) and file.is_file()
    except (OSError, ValueError, RuntimeError):  # missing; a NUL in the path; a cycle of links
        is_inside = False
    if not is_inside:
        raise DownloadRejected(FailureCode.FILE_GONE)
    return file


def _get_readable_size(file: Path) -> int:
    """Return the size of a file in bytes, after checking that it can be opened."""
    try:
        with file.open("rb") as stream:
            return os.fstat(stream.fileno()).st_size
    except OSError as err:
        reason = err.strerror
    log.error("files of the Bot API server cannot be read: %s", reason)
    raise TelegramUnavailable(UNAUTHORIZED_RETRY_SECONDS)


def _try_link(file: Path, part: Path) -> str | None:
    """Link; return the reason where that fails, as on another disk, else None."""
    try:
        os.link(file, part)
    except OSError as err:
        return err.strerror or "no link"
    return None


def _try_copy(file: Path, part: Path) -> str | None:
    """Copy; return the reason where that fails, else None."""
    try:
        shutil.copyfile(file, part)
    except OSError as err:
        return err.strerror or "no copy"
    return None
