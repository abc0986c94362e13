"""Where in the data folder things lie; every name is ours, never a user's."""

import asyncio
import errno
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Container, Iterable
from contextlib import suppress
from pathlib import Path

from bot.database.drafts import Drafts
from bot.database.jobs import Ledger
from bot.domain.media_source import Source
from bot.jobs import dbos_runtime as durable

CLIP = "clip"
MATTES = "mattes"
THUMBNAIL = "thumbnail.jpg"
MADE = "made.json"  #: what the result is like
CARD = "card.jpg"
#: what volumes say that know no hard links, or not so many, or not from elsewhere
NO_LINKS = frozenset({errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS})


class Folders:
    """The folders of drafts, of jobs, and of the mattes of jobs that are over."""

    def __init__(self, root: Path) -> None:
        """Remember the data folder."""
        self._root = root.absolute()

    @property
    def root(self) -> Path:
        """The data folder, or what is there of the way to it."""
        return next(path for path in (self._root, *self._root.parents) if path.exists())

    def job(self, id: str) -> Path:  # noqa: A002 - what else
        """Of a job, until it is over."""
        return self._root / "jobs" / id

    def draft(self, id: str) -> Path:  # noqa: A002 - as above
        """Of a draft, until it is made or dropped."""
        return self._root / "drafts" / id

    def mattes(self, id: str) -> Path:  # noqa: A002 - as above
        """The mattes of a job that is over, for a day."""
        return self._root / MATTES / id

    async def free(self) -> int:
        """Bytes that can still be written."""
        return (await asyncio.to_thread(shutil.disk_usage, self.root)).free


def background(source: Source) -> str:
    """The file name of a background, the same for the same source."""
    return f"background-{hashlib.sha256((source.file_id + source.link).encode()).hexdigest()[:16]}"


async def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, if it is there."""
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def link(there: Path, here: Path) -> bool:
    """Have the file *there* lie *here* too, as a link if that can be; False if it is not there."""

    def linked() -> bool:
        here.parent.mkdir(parents=True, exist_ok=True)
        try:
            _link(there, here)
        except FileNotFoundError:
            return False
        return True

    return await asyncio.to_thread(linked)


async def link_all(there: Path, here: Path) -> bool:
    """The same for a whole folder, unless *here* is one already."""

    def linked() -> bool:
        if here.is_dir():
            return True
        if not there.is_dir():
            return False
        part = here.with_name(f".{here.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(there, part, copy_function=_link)
        part.rename(here)
        return True

    try:
        return await asyncio.to_thread(linked)
    except (OSError, shutil.Error):  # who clears up was there in the middle
        return False


def _link(there: str | Path, here: str | Path) -> None:
    """Link a file, or copy it where the volume knows no links; what lies *here* already stays."""
    try:
        os.link(there, here)
    except FileExistsError:
        pass
    except OSError as err:
        if err.errno not in NO_LINKS:
            raise
        part = Path(f"{here}.part")
        shutil.copyfile(there, part)
        part.replace(here)


log = logging.getLogger(__name__)

EVERY = 30.0  #: seconds
DRAFT_SECONDS = 3600.0  #: for which a card's clip is kept, from when it was last drawn
FORGET_EVERY = 3600.0  #: seconds
WORKFLOW_DAYS = 3  #: for which it is known how a job went, step by step
DRAFT_DAYS = 7  #: for which a card can be pressed; its clip is fetched again


class Janitor:
    """Looks through the data folder every half minute."""

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        drafts: Drafts,
        *,
        mattes_seconds: float,
        mattes_size: int,
    ) -> None:
        """Know what may stay.

        Args:
            folder: of the data.
            ledger: whose open jobs keep their folders.
            drafts: that are forgotten when they are old.
            mattes_seconds: for which mattes are kept.
            mattes_size: bytes that they may take in all; the oldest go first.
        """
        self._folder, self._ledger, self._drafts = folder, ledger, drafts
        self._seconds, self._size = mattes_seconds, mattes_size
        self._forgot = 0.0

    async def run(self) -> None:
        """Clear up again and again, without an end."""
        while True:
            try:
                await self.clear()
                if time.time() - self._forgot > FORGET_EVERY:
                    await self.forget()
            except Exception:
                log.exception("clearing up failed")
            await asyncio.sleep(EVERY)

    async def clear(self) -> None:
        """Clear up once."""
        jobs = await asyncio.to_thread(_folders, self._folder / "jobs")  # before the ledger:
        alive = await self._ledger.unfinished()  # a job that comes now is not in it
        await self._remove(jobs, {job.id for job in alive})
        drafts = await asyncio.to_thread(_older, self._folder / "drafts", DRAFT_SECONDS)
        await self._remove(drafts, {job.draft for job in alive})
        mattes = await asyncio.to_thread(self._too_many_mattes)
        await self._remove(mattes, {job.order.mattes for job in alive})
        for draft in await self._drafts.stale(time.time() - DRAFT_DAYS * 86400):
            await self._drafts.drop(draft)

    async def forget(self) -> None:
        """Forget once what the database need not know any more."""
        await self._ledger.forget_links(time.time() - self._seconds)
        await durable.forget(time.time() - WORKFLOW_DAYS * 86400)
        self._forgot = time.time()

    async def _remove(self, folders: Iterable[Path], alive: Container[str | None]) -> None:
        """Remove those of *folders* that nobody works with."""
        for folder in folders:
            if folder.name not in alive:
                log.info("cleared up %s/%s", folder.parent.name, folder.name)
                await remove(folder)

    def _too_many_mattes(self) -> list[Path]:
        """Those that were kept long enough, or have no room; the oldest first."""
        room = self._size
        newest_first = sorted(_folders(self._folder / MATTES), key=_age)
        found = []
        for folder in newest_first:
            room -= _size(folder)
            if room < 0 or _age(folder) > self._seconds:
                found.append(folder)
        return found[::-1]


def _folders(parent: Path) -> list[Path]:
    """The folders in *parent*, those that are being made among them."""
    try:
        return [path for path in parent.iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []


def _older(parent: Path, seconds: float) -> list[Path]:
    """Those that nobody has put anything into for so long."""
    return [folder for folder in _folders(parent) if _age(folder) > seconds]


def _age(folder: Path) -> float:
    """Seconds since something in it was made or removed."""
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:  # it was removed meanwhile
        return 0.0


def _size(folder: Path) -> int:
    """Bytes of the files in it."""
    size = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            size += file.lstat().st_size
    return size
