"""How fast each place was of late, and so when it would be done."""

import time
from pathlib import Path

from backends.base import Event, OverlayBackend, Report
from backends.state_file import Shelf
from video_editing.contract.plan import Plan
from video_editing.contract.progress import Progress

Speeds = dict[str, float]  #: frames a second, by engine

#: before anything was measured; two cores look with U²-Net 3.3 times a second, every 4th frame
FIRST: dict[str, Speeds] = {"local-cpu": {"rembg": 13.0}}
TELLING = 1.0  #: seconds of work that say something about speed


class Estimates:
    """Recent frames a second of each place with each engine."""

    def __init__(self, shelf: Shelf[Speeds]) -> None:
        self._shelf = shelf

    def speed(self, backend: str, engine: str) -> float | None:
        """Frames a second, or None where nobody knows."""
        return (FIRST.get(backend, {}) | self._shelf.read().get(backend, {})).get(engine)

    def learn(self, backend: str, engine: str, speed: float) -> None:
        """Take *speed* into account; the last few jobs count most."""
        with self._shelf.changing() as speeds:
            known = speeds.setdefault(backend, {})
            known[engine] = (known.get(engine, speed) + speed) / 2


class Measured(OverlayBackend):
    """Takes the time of a place."""

    def __init__(self, inner: OverlayBackend, estimates: Estimates) -> None:
        self.name = inner.name
        self._inner = inner
        self._estimates = estimates

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        steps: list[tuple[float, int]] = []  # when, how many frames; the first and the last

        def noting(event: Event) -> None:
            if isinstance(event, Progress) and event.stage == "mattes":
                steps[1:] = [(time.monotonic(), event.done)]
            report(event)

        await self._inner.make_mattes(clip, plan, folder, noting)
        if len(steps) == 2 and steps[1][0] - steps[0][0] > TELLING:
            (began, first), (ended, last) = steps
            self._estimates.learn(self.name, plan.engine, (last - first) / (ended - began))
