"""Measured speeds of renderers, and the order in which they would finish."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel

from backends.base import Report
from backends.rendering.base import Renderer, RenderRequest, RenderResult
from backends.state_file import JsonStateFile

#: seconds after which a renderer is measured again: one slow start must not exclude it for ever
VALID_SECONDS = 6 * 3600


class RenderSpeed(BaseModel):
    """How fast a renderer was.

    Attributes:
        speed: pixels of a frame times seconds of the result, for each second of work; of several
            renders at the same time together.
        measured: when, in seconds since the epoch.
    """

    speed: float
    measured: float


class RenderSpeeds:
    """The speeds of all renderers, over restarts, and the renders of this process in progress."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Use the state file at *path*; *clock* returns seconds since the epoch."""
        self._state_file = JsonStateFile(path, RenderSpeed)
        self._clock = clock
        self._running: Counter[str] = Counter()

    def sort(self, renderers: Sequence[Renderer]) -> list[Renderer]:
        """Return *renderers*, those first that would finish a new render first.

        Renders in progress share a renderer's speed. One that was not measured lately comes first,
        unless it is at work: then its speed will be known soon.
        """
        speeds, now = self._state_file.read(), self._clock()

        def estimate(renderer: Renderer) -> float:
            known, running = speeds.get(renderer.name), self._running[renderer.name]
            if known is None or not 0 <= now - known.measured < VALID_SECONDS:
                return 0 if running else float("inf")
            return known.speed / (1 + running)

        return sorted(renderers, key=estimate, reverse=True)

    @contextmanager
    def count_running(self, renderer: str) -> Iterator[int]:
        """Count a render for the time of the block; yield how many *renderer* has then."""
        self._running[renderer] += 1
        try:
            yield self._running[renderer]
        finally:
            self._running[renderer] -= 1

    def record(self, renderer: str, speed: float) -> None:
        """Average *speed* with the earlier ones; each new render counts one half."""
        now = self._clock()
        with self._state_file.update() as speeds:
            known = speeds.get(renderer)
            if known is not None and now - known.measured < VALID_SECONDS:
                speed = (known.speed + speed) / 2
            speeds[renderer] = RenderSpeed(speed=speed, measured=now)


class MeasuredRenderer(Renderer):
    """Measures the speed of a renderer, transfers and waits included."""

    def __init__(self, inner: Renderer, speeds: RenderSpeeds) -> None:
        self.name = inner.name
        self._inner, self._speeds = inner, speeds

    def can_render(self, request: RenderRequest) -> bool:
        """See :class:`Renderer`."""
        return self._inner.can_render(request)

    async def render(self, request: RenderRequest, result: Path, report: Report) -> RenderResult:
        """See :class:`Renderer`."""
        started = time.monotonic()
        with self._speeds.count_running(self.name) as running:
            rendered = await self._inner.render(request, result, report)
        work = rendered.width * rendered.height * rendered.seconds * running
        self._speeds.record(self.name, work / (time.monotonic() - started))
        return rendered
