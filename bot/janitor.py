"""Who clears up what a crash left, and what was kept long enough."""

import asyncio
import logging
import time
from collections.abc import Container, Iterable
from contextlib import suppress
from pathlib import Path

from bot import durable
from bot.database.drafts import Drafts
from bot.database.ledger import Ledger
from bot.folders import MATTES, remove

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
