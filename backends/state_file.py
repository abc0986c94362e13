"""Small JSON state that survives a restart and is shared by all processes of this machine."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from video_editing.contract.atomic_file import atomic_write
from video_editing.contract.errors import OutputFailed

log = logging.getLogger(__name__)

T = TypeVar("T")


class JsonStateFile(Generic[T]):
    """A JSON object in a file, with one entry for each key.

    A file that is missing or damaged is empty. If the disk is full or read-only, the update is
    lost and logged; the job goes on.
    """

    def __init__(self, path: Path, entry_type: type[T]) -> None:
        self._path = path
        self._adapter = TypeAdapter(dict[str, entry_type])  # type: ignore[valid-type]

    def read(self) -> dict[str, T]:
        """Return all entries."""
        try:
            return self._adapter.validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return {}

    @contextmanager
    def update(self) -> Iterator[dict[str, T]]:
        """Yield all entries and write them after the block; blocks exclude each other."""
        with self._lock():
            entries = self.read()
            yield entries
            try:
                with atomic_write(self._path) as path:
                    path.write_bytes(self._adapter.dump_json(entries))
            except (OSError, OutputFailed) as err:
                log.warning("%s is not written: %s", self._path.name, err)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context(self._path.with_suffix(".lock").open("w"))
                fcntl.flock(lock, fcntl.LOCK_EX)
            except OSError as err:
                log.warning("%s is not locked: %s", self._path.name, err)
            yield
