"""Where in the data folder things lie; every name is ours, never a user's."""

import asyncio
import errno
import hashlib
import os
import shutil
from pathlib import Path

from bot.source import Source

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
