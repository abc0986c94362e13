"""What is told about the work while it goes on."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from backends.errors import Why
from video_editing.contract.progress import Progress


@dataclass(frozen=True, slots=True)
class Asked:
    """A place has the work from now on."""

    backend: str


@dataclass(frozen=True, slots=True)
class Warming:
    """The place has the work and gets ready: a cold start, which may take a minute or two."""

    backend: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The place failed, and is asked again in some seconds."""

    backend: str
    why: Why
    seconds: float


@dataclass(frozen=True, slots=True)
class FellBack:
    """The place gave up; the next one is asked, or there is none."""

    backend: str
    why: Why
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Hurried:
    """From now on another, faster engine does the work: with the first it would come too late."""

    backend: str
    engine: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What a place took for its part of the work, done or not.

    Attributes:
        seconds: how long its device was ours.
        dollars: seconds times its price.
    """

    backend: str
    seconds: float
    dollars: float


Event = Progress | Asked | Warming | Waiting | FellBack | Hurried | Spent
Report = Callable[[Event], None]


def forwards(report: Report, total: int) -> Report:
    """Pass events on; matte progress of *total* frames only if it is further than before.

    A place that takes over starts at the last whole segment, a little behind.
    """
    furthest = -1

    def passed_on(event: Event) -> None:
        nonlocal furthest
        if isinstance(event, Progress) and event.stage == "mattes":
            if min(event.done, total) <= furthest:
                return
            furthest = min(event.done, total)
            event = replace(event, done=furthest, total=total)
        report(event)

    return passed_on
