"""Calls of the workers at Modal: what they receive and return, and which are in progress."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from backends.remote.schemas import MatteJobFailure
from video_editing.contract.atomic_file import atomic_write, translate_output_errors
from video_editing.contract.plan import Plan

CALLS_FILE = "calls.json"  #: in the folder of mattes


class WorkItem(BaseModel):
    """The work for one container.

    Attributes:
        clip: its path in the shared Volume, which all containers have at the same place.
        plan: with the segments to make.
        key: names it in the Dict.
    """

    model_config = ConfigDict(frozen=True)

    clip: str
    plan: Plan
    key: str


@dataclass(frozen=True)
class WorkProgress:
    """What a container reports of its work item.

    Attributes:
        done: frames.
        ready: file names of the segments that can be fetched.
    """

    done: int
    ready: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkResult:
    """The result of one container.

    Attributes:
        segments: file contents by file name, a few hundred kilobytes each.
        seconds: for which its container is paid, as counted by :class:`UsageMeter`.
        failure: why segments are missing.
    """

    segments: dict[str, bytes]
    seconds: float
    failure: MatteJobFailure | None = None


class UsageMeter:
    """Charges the seconds for which a container is paid to the work items that it makes.

    It is paid from its start until it has been idle for a while, not only while it works. The first
    item is charged the start and that last idle window, each other one the pause before it.
    """

    def __init__(self, started_at: float, idle_window: float) -> None:
        """Count from now on.

        Args:
            started_at: when the container was started, on the monotonic clock.
            idle_window: seconds without work after which it stops.
        """
        self._paid_until, self._idle_window = started_at, idle_window
        self._unpaid = idle_window  # the last window, until an item has been charged for it

    def charge(self, began_at: float, ended_at: float) -> float:
        """Return the seconds to charge to an item that was made between these times.

        A container that is kept warm without work may pause for longer than the idle window; the
        rest of such a pause is charged to no item.
        """
        start = began_at - self._paid_until
        pause = start if self._unpaid else min(start, self._idle_window)
        seconds = pause + (ended_at - began_at) + self._unpaid
        self._paid_until, self._unpaid = ended_at, 0.0
        return seconds


class WorkCall(Protocol):
    """A work item that a container makes or will make.

    Attributes:
        id: finds it again, also in another process.
    """

    id: str

    async def get(self) -> WorkResult:
        """Wait for the result."""

    async def cancel(self) -> None:
        """Stop the work, or do not begin with it."""


class Containers(Protocol):
    """The containers at Modal, and what is shared with them."""

    async def commit_files(self) -> None:
        """Make files that this process wrote durable, and visible to the containers.

        Raises:
            OutputFailed: this is not possible.
        """

    async def spawn(self, item: WorkItem) -> WorkCall:
        """Send a work item to a container."""

    async def attach(self, call_id: str) -> WorkCall:
        """Return the call of this id, from this process or an earlier one."""

    async def get_progress(self, item: WorkItem) -> WorkProgress | None:
        """Return what the container of a work item reported; None before one has it."""

    async def get_segment(self, item: WorkItem, name: str) -> bytes:
        """Return a segment that is ready, by its file name."""

    async def delete_progress(self, item: WorkItem) -> None:
        """Forget the progress and the segments of a work item."""


class StoredCall(BaseModel):
    """A call that was in progress when it was stored."""

    call_id: str
    item: WorkItem


_calls_adapter = TypeAdapter(list[StoredCall])


class CallLog:
    """The calls in progress for one folder of mattes, stored there for a later process."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / CALLS_FILE

    def read(self) -> list[StoredCall]:
        """Return the calls that have not ended, as far as is known."""
        try:
            return _calls_adapter.validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return []

    def add(self, call: StoredCall) -> None:
        """Store a call that was sent.

        Raises:
            OutputFailed: the disk is full.
        """
        self._write([*self.read(), call])

    def remove(self, item: WorkItem) -> None:
        """Forget the call of *item*, which has ended.

        Raises:
            OutputFailed: the disk is full.
        """
        self._write([call for call in self.read() if call.item.key != item.key])

    def _write(self, calls: list[StoredCall]) -> None:
        if calls:
            with atomic_write(self._path) as part, translate_output_errors():
                part.write_bytes(_calls_adapter.dump_json(calls))
        else:
            self._path.unlink(missing_ok=True)
