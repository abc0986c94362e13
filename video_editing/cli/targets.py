"""What a command reads and writes: nothing is written over what is read, a folder or a device."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from video_editing.cli.arguments import list_options
from video_editing.contract.atomic_file import (
    require_regular,
    require_writable,
    translate_output_errors,
)
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.style import OptionModel


@dataclass(frozen=True, slots=True)
class Reads:
    """Annotation of a field that names a file, or a folder, that the command reads.

    Attributes:
        inside: names of the files that it reads in a folder, as patterns.
    """

    inside: Sequence[str] = ()

    def list_files(self, path: Path) -> list[Path]:
        """Return the files that are read."""
        return [path, *_find_inside(path, self.inside)]


@dataclass(frozen=True, slots=True)
class Writes:
    """Annotation of a field that names a file, or a folder, that the command writes.

    Attributes:
        inside: names of the files that it writes in a folder, as patterns; empty for a file.
        beside: the suffix of a second file, written beside the first; empty for none.
    """

    inside: Sequence[str] = ()
    beside: str = ""

    def list_files(self, path: Path) -> list[Path]:
        """Return the files that are written or replaced.

        Raises:
            OutputFailed: one of them cannot be.
            OSError: the path cannot be examined.
        """
        if self.inside:
            require_writable(next((e for e in (path, *path.parents) if e.exists()), path))
            files = _find_inside(path, self.inside)
        else:
            require_regular(path)
            files = [path, path.with_suffix(self.beside)] if self.beside else [path]
            require_writable(Path(os.path.realpath(path)).parent)
        for file in files:
            require_regular(file)
        return files


Kind = TypeVar("Kind", Reads, Writes)


def check_targets(options: BaseModel) -> None:
    """Check what the command with *options* will write, before its work begins.

    Raises:
        InputRejected: BAD_OPTION, it would replace what it reads, or what else it writes.
        OutputFailed: a file cannot be written there.
    """
    with translate_output_errors():
        taken = [
            file for _, path, kind in _list_paths(options, Reads) for file in kind.list_files(path)
        ]
        for option, path, kind in _list_paths(options, Writes):
            for file in kind.list_files(path):
                if any(_is_same(file, other) for other in taken):
                    why = f"{file} is what the result is made from, or a result itself"
                    raise InputRejected(RejectReason.BAD_OPTION, option=option, why=why)
                taken.append(file)


def _list_paths(options: BaseModel, kind: type[Kind]) -> Iterator[tuple[str, Path, Kind]]:
    """Yield option, path and annotation of the fields of that *kind*, groups included."""
    for option in list_options(type(options)):
        value, found = getattr(options, option.name), option.find(kind)
        if found is not None and value is not None:
            yield option.name.replace("_", "-"), Path(value), found
    for name in type(options).model_fields:
        if isinstance(group := getattr(options, name), OptionModel):
            yield from _list_paths(group, kind)


def _find_inside(folder: Path, patterns: Sequence[str]) -> list[Path]:
    with suppress(OSError):
        return [file for pattern in patterns for file in folder.glob(pattern)]
    return []


def _is_same(file: Path, other: Path) -> bool:
    with suppress(OSError):  # one of them does not exist
        return file.samefile(other)
    with suppress(OSError):  # nor does the working directory
        return os.path.realpath(file) == os.path.realpath(other)
    return False
