"""Files that are there whole or not at all."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from video_editing.contract.errors import OutputFailed


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a name beside *path* to write to; it becomes *path* when the block ends well.

    When the block raises anything, what was written is removed and *path* stays as it was.
    The name keeps the suffix, by which many writers choose their format.

    Raises:
        OutputFailed: the file cannot be moved to its name.
    """
    # Two writers of one file (a job started twice) must not write into each other.
    # Absolute: FFmpeg takes what stands before a colon for a protocol.
    part = path.absolute().with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield part
        with translate_output_errors():
            part.replace(path)
    except BaseException:
        with suppress(OSError):  # not there: the folder is not, or the name is too long
            part.unlink()
        raise


@contextmanager
def translate_output_errors() -> Iterator[None]:
    """Turn what the system says about a file that is written into OutputFailed."""
    try:
        yield
    except OSError as err:
        raise OutputFailed(err.strerror or str(err)) from err
