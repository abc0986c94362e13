"""What a place of work is."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from backends.errors import FailureKind
from video_editing.contract.plan import Plan
from video_editing.contract.progress import Progress


@dataclass(frozen=True, slots=True)
class BackendStarted:
    """A place has the work from now on."""

    backend: str


@dataclass(frozen=True, slots=True)
class ColdStart:
    """The place has the work and gets ready: a cold start, which may take a minute or two."""

    backend: str


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """The place failed, and is asked again in some seconds."""

    backend: str
    why: FailureKind
    seconds: float


@dataclass(frozen=True, slots=True)
class FellBack:
    """The place gave up; the next one is asked, or there is none."""

    backend: str
    why: FailureKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EngineDowngraded:
    """From now on another, faster engine does the work: with the first it would come too late."""

    backend: str
    engine: str


@dataclass(frozen=True, slots=True)
class CostIncurred:
    """What a place took for its part of the work, done or not.

    Attributes:
        seconds: how long its device was ours.
        dollars: seconds times its price.
    """

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
    """Pass events on; matte progress of *total* frames only if it is further than before.

    A place that takes over starts at the last whole segment, a little behind.
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
    """A place where the person in a clip is cut out."""

    name: str  #: as in settings, logs, metrics and messages to admins

    @abstractmethod
    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """Write every matte segment of *plan* that *folder* lacks.

        A segment appears under its final name only when it is whole, so whoever is asked
        next goes on where this backend stopped. Cancelling stops the place as well.

        Raises:
            InputRejected: the clip is at fault; asking elsewhere is pointless.
            BackendUnavailable: the place is at fault; ask elsewhere.
            OutputFailed: *folder* cannot be written to, by whomever.
            Cancelled: somebody else ended the work.
        """
