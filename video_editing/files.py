"""Files that are there whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from video_editing.errors import OutputFailed


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a name beside *path* to write to; it becomes *path* when the block ends well.

    When the block raises anything, what was written is removed and *path* stays as it was.
    The name keeps the suffix, by which many writers choose their format.

    Raises:
        OutputFailed: the file cannot be moved to its name.
    """
    # Two writers of one file (a job started twice) must not write into each other.
    part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield part
        try:
            os.replace(part, path)  # noqa: PTH105 - Path.replace is the same; this is the known name
        except OSError as err:
            raise OutputFailed(f"{path.name}: {err.strerror}") from err
    except BaseException:
        part.unlink(missing_ok=True)
        raise
