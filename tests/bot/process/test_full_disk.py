"""The bot on a disk that really is full: everybody is told, nothing is lost, and it goes on."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.bot.support.conversation import always_true, card_of, clip, ordered, result_for, settled
from tests.bot.support.fake_telegram import Telegram
from tests.bot.support.running_bot import ADMIN, Opener

pytestmark = pytest.mark.slow

DISK = 700_000_000  #: bytes; the bot leaves 500 MB of a disk for jobs


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """A small disk of its own in *folder*; skips where mounting is not allowed."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")
    try:
        yield folder
    finally:
        unmount = ["umount", "--lazy", str(folder)]
        subprocess.run(unmount, check=True)


def fill(disk: Path) -> Path:
    """Take the last byte that is free; return the file to remove."""
    path = disk / "filler"
    with path.open("wb") as filler:
        for size in (2**26, 2**20, 2**12):  # what the bot writes meanwhile makes large ones fail
            with suppress(OSError):
                while True:
                    os.posix_fallocate(filler.fileno(), filler.seek(0, os.SEEK_END), size)
    return path


async def test_a_full_disk_is_survived(telegram: Telegram, open_bot: Opener) -> None:
    """Its database as well: a job that runs is delivered when there is room again.

    Who comes meanwhile is told, and so are the admins.
    """
    admin, early, late = telegram.user(ADMIN), telegram.user(7), telegram.user(8)
    bot = open_bot()
    with mounted(bot.folder / "data") as disk:
        await bot.start().ready()
        card = await ordered(early, clip(matte={"seconds": 2}))
        await early.gets("text", after=card)
        filler = fill(disk)
        told = await late.gets("text", after=await late.sends_video(clip()), within=30)
        assert "try again in a few minutes" in told.text
        alarm = await admin.gets("text", within=75)
        assert "disk" in alarm.text.lower()
        assert await bot.asked("/healthz") == 200
        filler.unlink()
        await result_for(early, card, within=60)
        card = await card_of(late, await late.sends_video(clip()), within=60)
        await late.presses("^make", card)
        await result_for(late, card)
        await settled(bot, late)
        await always_true(telegram, bot)
        bot.kill()
