"""Who clears up what a crash left, and what was kept long enough."""

import asyncio
import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from bot.database.drafts import Drafts
from bot.database.ledger import Ledger
from bot.folders import MATTES

log = logging.getLogger(__name__)

EVERY = 30.0  #: seconds
DRAFT_SECONDS = 3600.0  #: for which a card's clip is kept, from when it came
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

    async def run(self) -> None:
        """Clear up again and again, without an end."""
        while True:
            try:
                await self.clear()
            except Exception:
                log.exception("clearing up failed")
            await asyncio.sleep(EVERY)

    async def clear(self) -> None:
        """Clear up once."""
        there = await asyncio.to_thread(_folders, self._folder / "jobs")  # before the ledger:
        alive = {job.id for job in await self._ledger.unfinished()}  # who comes now is not in it
        for folder in there:
            if folder.name not in alive:
                await _remove(folder)
        now = time.time()
        for folder in await asyncio.to_thread(_folders, self._folder / "drafts"):
            if _age(folder, now) > DRAFT_SECONDS:
                await _remove(folder)
        for draft in await self._drafts.stale(now - DRAFT_DAYS * 86400):
            await self._drafts.drop(draft)
        await asyncio.to_thread(self._clear_mattes, now)

    def _clear_mattes(self, now: float) -> None:
        room = self._size
        newest_first = sorted(_folders(self._folder / MATTES), key=lambda f: _age(f, now))
        for folder in newest_first:
            room -= sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            if room < 0 or _age(folder, now) > self._seconds:
                shutil.rmtree(folder, ignore_errors=True)


def _folders(parent: Path) -> list[Path]:
    """The folders in *parent*, those that are being made among them."""
    return [path for path in _entries(parent) if path.is_dir()]


def _entries(parent: Path) -> Iterator[Path]:
    return parent.iterdir() if parent.is_dir() else iter(())


def _age(folder: Path, now: float) -> float:
    try:
        return now - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


async def _remove(folder: Path) -> None:
    log.info("cleared up %s/%s", folder.parent.name, folder.name)
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
