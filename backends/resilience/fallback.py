"""Ask backends in order: if one fails, the next one continues."""

import time
from collections.abc import Sequence
from pathlib import Path

from backends.base import (
    BackendStarted,
    EngineDowngraded,
    FellBack,
    OverlayBackend,
    Report,
    make_monotonic,
)
from backends.errors import AllBackendsFailed, BackendUnavailable
from backends.resilience.throughput import ThroughputEstimates
from video_editing.contract.engines import FAST_ENGINE
from video_editing.contract.plan import Plan, find_missing_segments


class FallbackChain(OverlayBackend):
    """Asks its backends in order; reports which one has the job, and why another lost it."""

    name = "chain"

    def __init__(
        self, backends: Sequence[OverlayBackend], estimates: ThroughputEstimates, *, deadline: float
    ) -> None:
        """Chain *backends*.

        Args:
            backends: best first.
            estimates: their measured speeds.
            deadline: seconds within which a job's mattes should be complete.
        """
        self.backends = tuple(backends)
        self.estimates = estimates
        self._deadline = deadline

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        due = time.monotonic() + self._deadline
        forward = make_monotonic(report, plan.frames)
        failures = []
        for backend in self.backends:
            forward(BackendStarted(backend.name))
            affordable_plan = self._downgrade_if_late(backend.name, plan, folder, due)
            if affordable_plan.engine != plan.engine:
                forward(EngineDowngraded(backend.name, affordable_plan.engine))
            try:
                return await backend.make_mattes(clip, affordable_plan, folder, forward)
            except BackendUnavailable as failure:
                failures.append(failure)
                forward(FellBack(backend.name, failure.kind, failure.detail))
        raise AllBackendsFailed(f"no backend left in {self.name}", failures)

    def _downgrade_if_late(self, name: str, plan: Plan, folder: Path, due: float) -> Plan:
        """Return the plan, with the fast engine if the backend would miss the deadline."""
        speed = self.estimates.get_speed(name, plan.engine)
        frames = sum(segment.frames for segment in find_missing_segments(plan, folder))
        if speed is None or time.monotonic() + frames / speed <= due:
            return plan
        return plan.model_copy(update={"engine": FAST_ENGINE})
