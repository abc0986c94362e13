"""Write files and folders that appear complete or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from video_editing.contract.errors import OutputFailed

_unfinished: set[Path] = set()  #: what `remove_unfinished` removes


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a path beside *path* to write to, which replaces *path* when the block ends.

    If the block raises, the written file is removed and *path* is unchanged. The yielded path
    keeps the suffix, by which many writers choose their format. Where *path* is a symlink, the
    file that it leads to is replaced.

    Raises:
        OutputFailed: the file cannot be moved to its name, or the name is that of a folder, a
            pipe or a device.
    """
    with translate_output_errors():
        require_regular(path)
        # Absolute: FFmpeg takes the text before a colon for a protocol.
        target = Path(os.path.realpath(path))
    # A random name: two writers of one file (a job started twice) must not share a part.
    part = target.with_name(f".{target.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    with _registered(part):
        try:
            yield part
            with translate_output_errors():
                part.replace(target)
        except BaseException:
            with suppress(OSError):  # no such file: the folder is missing, or the name is too long
                part.unlink()
            raise


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder to write to, whose files appear in *folder* when the block ends.

    If the block raises, *folder* is as it was before; it is created if it does not exist.

    Raises:
        OutputFailed: the folder cannot be created or written to.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        with translate_output_errors():
            folder.mkdir(parents=True, exist_ok=True)
        with temporary_folder(folder) as part:
            yield part
            with translate_output_errors():
                for file in part.iterdir():
                    require_regular(folder / file.name)
                    file.replace(folder / file.name)
    except BaseException:
        with suppress(OSError):  # what is not empty is not ours alone
            for each in missing:
                each.rmdir()
        raise


@contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """Yield a new folder, which is removed when the block ends.

    Args:
        parent: the folder it is in; None is where the system keeps temporary files.

    Raises:
        OutputFailed: it cannot be created.
    """
    with translate_output_errors():
        folder = Path(mkdtemp(prefix=".overlay-", dir=parent))
    with _registered(folder):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished() -> None:
    """Remove what the blocks in progress have written, in a process that ends without them."""
    for path in tuple(_unfinished):
        shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            path.unlink()


@contextmanager
def _registered(path: Path) -> Iterator[None]:
    _unfinished.add(path)
    try:
        yield
    finally:
        _unfinished.discard(path)


def require_regular(path: Path) -> None:
    """Check that *path* is free or a regular file, through symlinks.

    Raises:
        OutputFailed: it is a folder, a pipe or a device, which a file must not replace.
        OSError: it cannot be examined.
    """
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "not a file but a pipe or a device"
        raise OutputFailed(f"{path} is {kind}")


def require_writable(folder: Path) -> None:
    """Check that files can be created in *folder*.

    Raises:
        OutputFailed: it does not exist, is no folder, or may not be written to.
        OSError: it cannot be examined.
    """
    if not folder.exists():
        raise OutputFailed(f"there is no folder {folder}")
    if not folder.is_dir():
        raise OutputFailed(f"{folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputFailed(f"the folder {folder} may not be written to")


@contextmanager
def translate_output_errors() -> Iterator[None]:
    """Turn an OSError of writing a file into OutputFailed."""
    try:
        yield
    except OSError as err:
        raise OutputFailed(err.strerror or str(err)) from err
