"""Progress reports of long work."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TypeVar

REPORT_INTERVAL = 0.2  #: seconds between reports

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a stage.

    Attributes:
        stage: "plan", "mattes", "edit", "cut", "matte", "render" (parts for a renderer
            elsewhere) or "preview".
        done, total: numbers of frames; *total* is what the file announces, so *done* may end a
            little below it.
        fps: frames a second since the stage began.
    """

    stage: str
    done: int
    total: int
    fps: float

    def as_json(self) -> str:
        """Return one line of JSON for a parent process."""
        return json.dumps(asdict(self) | {"fps": round(self.fps, 1)})


Report = Callable[[Progress], None]


def ignore(*_: object) -> None:
    """Do nothing; for reports and events that have no receiver."""


def with_progress(
    items: Iterable[T], stage: str, total: int, report: Report, *, done: int = 0
) -> Iterator[T]:
    """Yield *items*; report every REPORT_INTERVAL seconds, and when the total is reached.

    Args:
        items: one for each frame.
        stage: as in :class:`Progress`.
        total: as in :class:`Progress`.
        report: is called with the progress.
        done: frames of the total that were finished before.
    """
    start = reported = time.monotonic()
    for count, item in enumerate(items, 1):
        now = time.monotonic()
        if now - reported >= REPORT_INTERVAL or done + count == total:
            reported = now
            report(Progress(stage, done + count, total, count / max(now - start, 1e-3)))
        yield item
