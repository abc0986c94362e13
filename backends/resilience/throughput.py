"""Estimate the speed of each backend from its recent jobs."""

import asyncio
import time
from pathlib import Path

from backends.base import Event, OverlayBackend, Report
from backends.state_file import JsonStateFile
from video_editing.contract.engines import ENGINES
from video_editing.contract.plan import Plan, read_plan
from video_editing.contract.progress import Progress

EngineSpeeds = dict[str, float]  #: frames a second, by engine

MIN_MEASURED_SECONDS = 1.0  #: shorter jobs are not measured


class ThroughputEstimates:
    """Recent frames a second of each backend with each engine."""

    def __init__(self, state_file: JsonStateFile[EngineSpeeds]) -> None:
        self._state_file = state_file

    def get_speed(self, backend: str, engine: str) -> float | None:
        """Return frames a second, or a guess; 0 if the engine cannot run, None if unknown."""
        measured = self._state_file.read().get(backend, {}).get(engine)
        if measured is None and engine in ENGINES:
            return ENGINES[engine].initial_speeds.get(backend)
        return measured

    def get_measured_speeds(self, backend: str) -> EngineSpeeds:
        """Return the frames a second of each engine that has been measured and can run."""
        speeds = self._state_file.read().get(backend, {})
        return {engine: speed for engine, speed in speeds.items() if speed and engine in ENGINES}

    def get_guessed_speeds(self, backend: str) -> EngineSpeeds:
        """Return the guesses for engines that have not been measured."""
        known = self._state_file.read().get(backend, {})
        return {
            engine: info.initial_speeds[backend]
            for engine, info in ENGINES.items()
            if engine not in known and backend in info.initial_speeds
        }

    def set_speed(self, backend: str, engine: str, speed: float) -> None:
        """Replace what is known; 0 says that the engine cannot run."""
        with self._state_file.update() as speeds:
            speeds.setdefault(backend, {})[engine] = speed

    def record(self, backend: str, engine: str, speed: float) -> None:
        """Average *speed* with the earlier ones; each new job counts one half."""
        with self._state_file.update() as speeds:
            engine_speeds = speeds.setdefault(backend, {})
            engine_speeds[engine] = ((engine_speeds.get(engine) or speed) + speed) / 2


class MeasuredBackend(OverlayBackend):
    """Measures the speed of a backend, from its first progress to its last."""

    def __init__(self, inner: OverlayBackend, estimates: ThroughputEstimates) -> None:
        self.name = inner.name
        self._inner = inner
        self._estimates = estimates

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        steps: list[tuple[float, int]] = []  # the first and the last: time, frames done

        def record_step(event: Event) -> None:
            if isinstance(event, Progress) and event.stage == "mattes":
                steps[1:] = [(time.monotonic(), event.done)]
            report(event)

        await self._inner.make_mattes(clip, plan, folder, record_step)
        if len(steps) == 2 and steps[1][0] - steps[0][0] > MIN_MEASURED_SECONDS:
            (began, first), (ended, last) = steps
            used_plan = await asyncio.to_thread(read_plan, folder)  # the backend may choose
            self._estimates.record(self.name, used_plan.engine, (last - first) / (ended - began))
