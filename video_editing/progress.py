"""How far the work is: the only thing that travels upwards."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """One step forward.

    Attributes:
        stage: what is being done: "plan", "mattes", "edit", "cut", "matte" or "preview".
        done, total: frames; total is what the file promises, so done may end a little short.
        fps: frames a second since the stage began.
    """

    stage: str
    done: int
    total: int
    fps: float

    def as_json(self) -> str:
        """One line for a parent process."""
        return json.dumps(asdict(self) | {"fps": round(self.fps, 1)})


Report = Callable[[Progress], None]


def unreported(_: Progress) -> None:
    """A report for callers who do not want to know."""


def counted(
    items: Iterable[T], stage: str, total: int, report: Report, *, every: float = 0.2
) -> Iterator[T]:
    """Pass *items* on and report at most once in *every* seconds, and at the end."""
    began = reported = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - reported >= every:
            reported = now
            report(Progress(stage, done, total, done / (now - began)))
    seconds = max(time.monotonic() - began, 1e-3)
    report(Progress(stage, done, total, done / seconds))
