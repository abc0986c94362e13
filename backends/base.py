"""The interface of a backend, and the events that it reports."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from backends.errors import FailureKind
from video_editing.contract.plan import Plan
from video_editing.contract.progress import Progress

# Each event has a `kind`: the "stage" in the command line's JSON lines, which other programs read.


@dataclass(frozen=True, slots=True)
class BackendStarted:
    """A backend has taken over the job."""

    kind: ClassVar[str] = "asked"

    backend: str


@dataclass(frozen=True, slots=True)
class ColdStart:
    """The backend has the job and is starting its device, which may take a few minutes."""

    kind: ClassVar[str] = "warming"

    backend: str


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """The backend failed and is asked again in some seconds."""

    kind: ClassVar[str] = "waiting"

    backend: str
    why: FailureKind
    seconds: float


@dataclass(frozen=True, slots=True)
class FellBack:
    """The backend gave up; the next one is asked, if any is left."""

    kind: ClassVar[str] = "fellback"

    backend: str
    why: FailureKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EngineDowngraded:
    """From now on a faster engine is used, because the requested one would miss the deadline."""

    kind: ClassVar[str] = "hurried"

    backend: str
    engine: str


@dataclass(frozen=True, slots=True)
class CostIncurred:
    """What a backend used for its part of the job, finished or not.

    Attributes:
        seconds: for which its device was reserved for us.
        dollars: seconds times its price.
    """

    kind: ClassVar[str] = "spent"

    backend: str
    seconds: float
    dollars: float


Event = (
    Progress
    | BackendStarted
    | ColdStart
    | RetryScheduled
    | FellBack
    | EngineDowngraded
    | CostIncurred
)
Report = Callable[[Event], None]


def make_monotonic(report: Report, total: int) -> Report:
    """Return a report that drops matte progress which is not further than before.

    A backend that takes over starts at the last complete segment, a little behind.

    Args:
        report: receives all other events, and progress in frames of *total*.
        total: frames of the clip.
    """
    furthest = -1

    def forward(event: Event) -> None:
        nonlocal furthest
        if isinstance(event, Progress) and event.stage == "mattes":
            if min(event.done, total) <= furthest:
                return
            furthest = min(event.done, total)
            event = replace(event, done=furthest, total=total)
        report(event)

    return forward


class OverlayBackend(ABC):
    """Makes the mattes of a clip."""

    name: str  #: as in settings, logs, metrics and messages to admins

    @abstractmethod
    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """Write every matte segment of *plan* that *folder* lacks.

        A segment appears under its final name only when it is complete, so the next backend
        continues where this one stopped. Cancelling stops the backend's work as well.

        Raises:
            InputRejected: the clip is at fault; another backend would fail as well.
            BackendUnavailable: this backend is at fault; ask another one.
            OutputFailed: *folder* cannot be written to.
            Cancelled: the work was stopped from outside.
        """
