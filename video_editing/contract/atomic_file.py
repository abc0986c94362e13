"""Write files that appear complete or not at all."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from video_editing.contract.errors import OutputFailed


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a path beside *path* to write to, which replaces *path* when the block ends.

    If the block raises, the written file is removed and *path* is unchanged. The yielded path
    keeps the suffix, by which many writers choose their format.

    Raises:
        OutputFailed: the file cannot be moved to its name.
    """
    # A random name: two writers of one file (a job started twice) must not share a part.
    # Absolute: FFmpeg takes the text before a colon for a protocol.
    part = path.absolute().with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield part
        with translate_output_errors():
            part.replace(path)
    except BaseException:
        with suppress(OSError):  # no such file: the folder is missing, or the name is too long
            part.unlink()
        raise


@contextmanager
def translate_output_errors() -> Iterator[None]:
    """Turn an OSError of writing a file into OutputFailed."""
    try:
        yield
    except OSError as err:
        raise OutputFailed(err.strerror or str(err)) from err
