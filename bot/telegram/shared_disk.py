"""Files that a Bot API server of one's own has put on the disk that it shares with us."""

import logging
import os
import shutil
from pathlib import Path

from bot.outcome import Fault
from bot.telegram.limits import sizes
from bot.telegram.refusals import LOCKED_SECONDS
from bot.telegram.unfetched import TelegramAway, Unfetched
from video_editing.contract.errors import OutputFailed

SHARED = Path("/var/lib/telegram-bot-api")  #: where such a server works if it is not told

_log = logging.getLogger(__name__)


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
    _log.error("files of the Bot API server cannot be read: %s", why)
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
