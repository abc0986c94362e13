"""The folders of the data folder: their paths, links between them, and their clean-up.

Names are made from ids of the bot, never from names that users send.
"""

import asyncio
import errno
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from bot.database.drafts import DraftRepository
from bot.database.jobs import Job, JobRepository
from bot.domain.job_request import MediaSource
from bot.jobs import dbos_runtime as durable

CLIP_FILE = "clip"
MATTES_FOLDER = "mattes"
THUMBNAIL_FILE = "thumbnail.jpg"
COVER_FILE = "cover.jpg"
RENDERED_FILE = "made.json"  #: the size and length of the result
CARD_FILE = "card.jpg"
LAYERS_FOLDER = "layers"  #: of a card's picture, apart, for the editor
PROXY_FOLDER = "proxy"  #: of a small copy of the clip, for the editor
#: errors of volumes without hard links, with too few, or across volumes
NO_LINK_ERRORS = frozenset({errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS})


class Workspace:
    """The folders of drafts, of open jobs, and of the mattes of finished jobs."""

    def __init__(self, root: Path) -> None:
        """Use the data folder *root*, which may not exist yet."""
        self._root = root.absolute()

    @property
    def root(self) -> Path:
        """The data folder, or the nearest parent that exists."""
        return next(path for path in (self._root, *self._root.parents) if path.exists())

    def get_job_folder(self, job_id: str) -> Path:
        """Return the folder of an open job."""
        return self._root / "jobs" / job_id

    def get_draft_folder(self, draft_id: str) -> Path:
        """Return the folder of a draft."""
        return self.drafts / draft_id

    @property
    def drafts(self) -> Path:
        """The folder of the folders of drafts."""
        return self._root / "drafts"

    def get_mattes_folder(self, job_id: str) -> Path:
        """Return the folder in which the mattes of a finished job are kept for a day."""
        return self._root / MATTES_FOLDER / job_id

    async def get_free_bytes(self) -> int:
        """Return the bytes of free disk."""
        return (await asyncio.to_thread(shutil.disk_usage, self.root)).free


def name_background_file(source: MediaSource) -> str:
    """Return the file name of a background, which depends on *source* alone."""
    return f"background-{hashlib.sha256((source.file_id + source.link).encode()).hexdigest()[:16]}"


async def remove_folder(folder: Path) -> None:
    """Remove *folder* and its content, if it exists."""
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def link_file(source: Path, target: Path) -> bool:
    """Link or copy the file *source* to *target*; return whether *source* exists."""

    def link_or_report() -> bool:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _link_or_copy(source, target)
        except FileNotFoundError:
            return False
        return True

    return await asyncio.to_thread(link_or_report)


async def link_folder(source: Path, target: Path) -> bool:
    """Link or copy the folder *source* to *target* unless that exists; return whether it does."""

    def link_or_report() -> bool:
        if target.is_dir():
            return True
        if not source.is_dir():
            return False
        part = target.with_name(f".{target.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part, copy_function=_link_or_copy)
        part.rename(target)
        return True

    try:
        return await asyncio.to_thread(link_or_report)
    except (OSError, shutil.Error):  # the source was removed meanwhile
        return False


def _link_or_copy(source: str | Path, target: str | Path) -> None:
    """Link a file, or copy it on a volume without links; an existing *target* stays."""
    try:
        os.link(source, target)
    except FileExistsError:
        pass
    except OSError as err:
        if err.errno not in NO_LINK_ERRORS:
            raise
        part = Path(f"{target}.part")
        shutil.copyfile(source, part)
        part.replace(target)


log = logging.getLogger(__name__)

CLEANUP_SECONDS = 30.0  #: seconds between two clean-ups of the folders
DRAFT_FILES_SECONDS = 3600.0  #: seconds without a redraw after which files of a card go
DATABASE_CLEANUP_SECONDS = 3600.0  #: seconds between two clean-ups of the database
WORKFLOW_RETENTION_DAYS = 3  #: days for which the steps of a job are recorded
DRAFT_RETENTION_DAYS = 7  #: days for which the buttons of a card work


class Cleanup:
    """Removes files and rows that are not used any more, every half minute."""

    def __init__(
        self,
        folder: Path,
        job_repository: JobRepository,
        drafts: DraftRepository,
        *,
        mattes_seconds: float,
        mattes_bytes: int,
        job_seconds: float,
    ) -> None:
        """Store the limits.

        Args:
            folder: the data folder.
            job_repository: its open jobs keep their folders.
            drafts: old ones are deleted.
            mattes_seconds: seconds for which mattes are kept.
            mattes_bytes: bytes of all kept mattes at most; the oldest are removed first.
            job_seconds: seconds for which jobs that are over are recorded.
        """
        self._folder, self._job_repository, self._drafts = folder, job_repository, drafts
        self._mattes_seconds, self._mattes_bytes = mattes_seconds, mattes_bytes
        self._job_seconds = job_seconds
        self._database_cleaned_at = 0.0

    async def run(self) -> None:
        """Clean up at intervals, without an end."""
        while True:
            try:
                await self.clean_files()
                if time.time() - self._database_cleaned_at > DATABASE_CLEANUP_SECONDS:
                    await self.clean_database()
            except Exception:
                log.exception("a clean-up failed")
            await asyncio.sleep(CLEANUP_SECONDS)

    async def clean_files(self) -> None:
        """Remove the files that no open job and no recent draft uses."""
        jobs = await asyncio.to_thread(_list_folders, self._folder / "jobs")
        await self._remove_unused(jobs, lambda job: job.id)
        drafts = await asyncio.to_thread(_list_older, self._folder / "drafts", DRAFT_FILES_SECONDS)
        await self._remove_unused(drafts, lambda job: job.draft_id)
        mattes = await asyncio.to_thread(self._find_expired_mattes)
        await self._remove_unused(mattes, lambda job: job.order.mattes)
        for draft in await self._drafts.list_stale(time.time() - DRAFT_RETENTION_DAYS * 86400):
            await self._drafts.delete(draft)

    async def clean_database(self) -> None:
        """Erase links of users, jobs that are over and records of workflows that are old."""
        await self._job_repository.delete_ended(before=time.time() - self._job_seconds)
        await self._job_repository.erase_links(time.time() - self._mattes_seconds)
        await durable.delete_workflows(time.time() - WORKFLOW_RETENTION_DAYS * 86400)
        self._database_cleaned_at = time.time()

    async def _remove_unused(
        self, folders: Iterable[Path], get_used_name: Callable[[Job], str | None]
    ) -> None:
        """Remove those of *folders* that no open job uses.

        A job may be accepted at any time, so the open jobs are listed again for each folder. It
        gets another name first, so that no job links a part of it.
        """
        for folder in folders:
            open_jobs = await self._job_repository.list_open()
            if folder.name not in map(get_used_name, open_jobs):
                log.info("removing %s/%s", folder.parent.name, folder.name)
                await remove_folder(_hide(folder))

    def _find_expired_mattes(self) -> list[Path]:
        """Return the mattes that are too old or exceed the space, the oldest first."""
        free = self._mattes_bytes
        expired = []
        for folder in list_oldest_first(self._folder / MATTES_FOLDER)[::-1]:
            free -= measure_size(folder)
            if free < 0 or _get_age(folder) > self._mattes_seconds:
                expired.append(folder)
        return expired[::-1]


def _hide(folder: Path) -> Path:
    """Give *folder* a name that no job has; return its new path."""
    hidden = folder.with_name(f".{folder.name}.removed")
    with suppress(OSError):  # it is gone, or an earlier process left the other one
        folder.rename(hidden)
        return hidden
    return folder


def _list_folders(parent: Path) -> list[Path]:
    """Return the folders in *parent*, including hidden ones."""
    try:
        return [path for path in parent.iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []


def list_oldest_first(parent: Path) -> list[Path]:
    """Return the folders in *parent*; first the one whose list of files changed longest ago."""
    return sorted(_list_folders(parent), key=_get_age, reverse=True)


def _list_older(parent: Path, seconds: float) -> list[Path]:
    """Return the folders in *parent* whose list of files did not change for so many seconds."""
    return [folder for folder in _list_folders(parent) if _get_age(folder) > seconds]


def _get_age(folder: Path) -> float:
    """Return the seconds since a file was added to *folder* or removed from it."""
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:  # removed meanwhile
        return 0.0


def measure_size(folder: Path) -> int:
    """Return the bytes of all files in *folder*."""
    size = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            size += file.lstat().st_size
    return size
