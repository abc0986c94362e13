"""Where in the data folder things lie; every name is ours, never a user's."""

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
from bot.domain.media_source import MediaSource
from bot.jobs import dbos_runtime as durable

CLIP_FILE = "clip"
MATTES_FOLDER = "mattes"
THUMBNAIL_FILE = "thumbnail.jpg"
RENDERED_FILE = "made.json"  #: what the result is like
CARD_FILE = "card.jpg"
#: what volumes say that know no hard links, or not so many, or not from elsewhere
NO_LINK_ERRORS = frozenset({errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS})


class Workspace:
    """The folders of drafts, of jobs, and of the mattes of jobs that are over."""

    def __init__(self, root: Path) -> None:
        """Remember the data folder."""
        self._root = root.absolute()

    @property
    def root(self) -> Path:
        """The data folder, or what is there of the way to it."""
        return next(path for path in (self._root, *self._root.parents) if path.exists())

    def get_job_folder(self, job_id: str) -> Path:
        """Of a job, until it is over."""
        return self._root / "jobs" / job_id

    def get_draft_folder(self, draft_id: str) -> Path:
        """Of a draft, until it is made or dropped."""
        return self._root / "drafts" / draft_id

    def get_mattes_folder(self, job_id: str) -> Path:
        """The mattes of a job that is over, for a day."""
        return self._root / MATTES_FOLDER / job_id

    async def get_free_bytes(self) -> int:
        """Bytes that can still be written."""
        return (await asyncio.to_thread(shutil.disk_usage, self.root)).free


def name_background_file(source: MediaSource) -> str:
    """The file name of a background, the same for the same source."""
    return f"background-{hashlib.sha256((source.file_id + source.link).encode()).hexdigest()[:16]}"


async def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it, if it is there."""
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def link_file(source: Path, target: Path) -> bool:
    """Link, or else copy, the file *source* to *target*; return False if it is not there."""

    def link_or_report() -> bool:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _link_or_copy(source, target)
        except FileNotFoundError:
            return False
        return True

    return await asyncio.to_thread(link_or_report)


async def link_folder(source: Path, target: Path) -> bool:
    """The same for a whole folder, unless *target* is one already."""

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
    except (OSError, shutil.Error):  # who clears up was there in the middle
        return False


def _link_or_copy(source: str | Path, target: str | Path) -> None:
    """Link a file, or copy it where the volume knows no links; what lies *target* already stays."""
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

CLEANUP_SECONDS = 30.0  #: seconds
DRAFT_FILES_SECONDS = 3600.0  #: for which a card's clip is kept, from when it was last drawn
DATABASE_CLEANUP_SECONDS = 3600.0  #: seconds
WORKFLOW_RETENTION_DAYS = 3  #: for which it is known how a job went, step by step
DRAFT_RETENTION_DAYS = 7  #: for which a card can be pressed; its clip is fetched again


class Cleanup:
    """Looks through the data folder every half minute."""

    def __init__(
        self,
        folder: Path,
        job_repository: JobRepository,
        drafts: DraftRepository,
        *,
        mattes_seconds: float,
        mattes_bytes: int,
    ) -> None:
        """Know what may stay.

        Args:
            folder: of the data.
            job_repository: whose open jobs keep their folders.
            drafts: that are forgotten when they are old.
            mattes_seconds: for which mattes are kept.
            mattes_bytes: bytes that they may take in all; the oldest go first.
        """
        self._folder, self._job_repository, self._drafts = folder, job_repository, drafts
        self._mattes_seconds, self._mattes_bytes = mattes_seconds, mattes_bytes
        self._database_cleaned_at = 0.0

    async def run(self) -> None:
        """Clear up again and again, without an end."""
        while True:
            try:
                await self.clean_files()
                if time.time() - self._database_cleaned_at > DATABASE_CLEANUP_SECONDS:
                    await self.clean_database()
            except Exception:
                log.exception("clearing up failed")
            await asyncio.sleep(CLEANUP_SECONDS)

    async def clean_files(self) -> None:
        """Clear up once."""
        jobs = await asyncio.to_thread(_list_folders, self._folder / "jobs")
        await self._remove_unused(jobs, lambda job: job.id)
        drafts = await asyncio.to_thread(_list_older, self._folder / "drafts", DRAFT_FILES_SECONDS)
        await self._remove_unused(drafts, lambda job: job.draft_id)
        mattes = await asyncio.to_thread(self._find_expired_mattes)
        await self._remove_unused(mattes, lambda job: job.order.mattes)
        for draft in await self._drafts.list_stale(time.time() - DRAFT_RETENTION_DAYS * 86400):
            await self._drafts.delete(draft)

    async def clean_database(self) -> None:
        """Forget once what the database need not know any more."""
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
        """Those that were kept long enough, or have no room; the oldest first."""
        room = self._mattes_bytes
        newest_first = sorted(_list_folders(self._folder / MATTES_FOLDER), key=_get_age)
        found = []
        for folder in newest_first:
            room -= _measure_size(folder)
            if room < 0 or _get_age(folder) > self._mattes_seconds:
                found.append(folder)
        return found[::-1]


def _hide(folder: Path) -> Path:
    """Give *folder* a name that no job has; return its new path."""
    hidden = folder.with_name(f".{folder.name}.removed")
    with suppress(OSError):  # it is gone, or an earlier process left the other one
        folder.rename(hidden)
        return hidden
    return folder


def _list_folders(parent: Path) -> list[Path]:
    """The folders in *parent*, those that are being made among them."""
    try:
        return [path for path in parent.iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []


def _list_older(parent: Path, seconds: float) -> list[Path]:
    """Those that nobody has put anything into for so long."""
    return [folder for folder in _list_folders(parent) if _get_age(folder) > seconds]


def _get_age(folder: Path) -> float:
    """Seconds since something in it was made or removed."""
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:  # it was removed meanwhile
        return 0.0


def _measure_size(folder: Path) -> int:
    """Bytes of the files in it."""
    size = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            size += file.lstat().st_size
    return size
