"""Several clips in one command line: a result for each in a folder."""

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel

from video_editing.cli.arguments import list_options
from video_editing.contract.atomic_file import translate_output_errors
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.media import VIDEO_KINDS

SUFFIXES = tuple(suffix for kind in VIDEO_KINDS for suffix in kind.suffixes)
SINGLE_OPTIONS = ("matte", "thumbnail", "cover", "report")  #: files of one clip


def split_by_clip(
    model: type[BaseModel], namespace: argparse.Namespace
) -> list[argparse.Namespace] | None:
    """Return what was parsed once for each clip; the output is a folder then.

    None where a command takes one clip, or gets one that is not in a folder.

    Args:
        model: the options of the command.
        namespace: what was parsed; `clip` is a list of files and folders.

    Raises:
        InputRejected: BAD_OPTION, an option goes with a single clip, or a result would replace a
            clip; NO_FILE, a folder has no clips.
    """
    if not _takes_several(model):
        return None
    given, output = namespace.clip, namespace.output
    if len(given) == 1 and not _is_folder(given[0]):
        return None
    for name in SINGLE_OPTIONS:
        if hasattr(namespace, name):
            raise InputRejected(RejectReason.BAD_OPTION, option=name, why="it goes with one clip")
    clips = [clip for path in given for clip in _list_clips(path)]
    suffix = getattr(namespace, "form", model.model_fields["form"].default).suffix
    results = _name_results(clips, output, suffix)
    taken = {os.path.realpath(clip) for clip in clips}
    if replaced := next((path for path in results if os.path.realpath(path) in taken), None):
        why = f"{replaced} is one of the clips"
        raise InputRejected(RejectReason.BAD_OPTION, option="output", why=why)
    return [
        argparse.Namespace(**{**vars(namespace), "clip": [clip], "output": result})
        for clip, result in zip(clips, results, strict=True)
    ]


@contextmanager
def new_folder(path: Path) -> Iterator[None]:
    """Create the folder *path* if it is missing, and remove it if nothing was written in it.

    Raises:
        OutputFailed: it cannot be created.
    """
    is_new = not path.exists()
    with translate_output_errors():
        path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        if is_new:
            with suppress(OSError):  # it has results
                path.rmdir()


def _takes_several(model: type[BaseModel]) -> bool:
    return any(option.is_several for option in list_options(model))


def _is_folder(path: Path) -> bool:
    """Return whether *path* is a folder; one that cannot be examined is none."""
    try:
        return path.is_dir()
    except OSError:  # its name is too long
        return False


def _list_clips(path: Path) -> list[Path]:
    """Return *path*, or the clips in that folder by name; those in folders inside are not meant."""
    if not _is_folder(path):
        return [path]
    try:
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    except OSError as err:
        raise InputRejected(RejectReason.NO_FILE, error=f"{path}: {err.strerror}") from err
    if not files:
        raise InputRejected(RejectReason.NO_FILE, error=f"{path} has no clips")
    return files


def _name_results(clips: Sequence[Path], folder: Path, suffix: str) -> list[Path]:
    """Return a path for each result, numbered where clips have the same name."""
    names: list[str] = []
    for clip in clips:
        tries = (clip.stem if n == 1 else f"{clip.stem}-{n}" for n in range(1, len(clips) + 1))
        names.append(next(name for name in tries if name not in names))
    return [folder / f"{name}{suffix}" for name in names]
