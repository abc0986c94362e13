"""Places in the order of asking: where one fails, the next goes on."""

import time
from collections.abc import Sequence
from pathlib import Path

from backends.base import Asked, FellBack, Hurried, OverlayBackend, Report, forwards
from backends.errors import AllBackendsFailed, BackendUnavailable
from backends.resilience.throughput import Estimates
from video_editing.contract.plan import Plan, missing

HASTY = "mediapipe"  #: the engine that keeps up with the clip on any machine


class FallbackChain(OverlayBackend):
    """The first place that can; it says which has the work, and why another lost it."""

    name = "chain"

    def __init__(
        self, backends: Sequence[OverlayBackend], estimates: Estimates, *, deadline: float
    ) -> None:
        """Chain *backends*.

        Args:
            backends: the places, best first.
            estimates: how fast they are.
            deadline: seconds from the asking after which the mattes are late.
        """
        self.backends = tuple(backends)
        self.estimates = estimates
        self._deadline = deadline

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        due = time.monotonic() + self._deadline
        forward = forwards(report, plan.frames)
        failures = []
        for backend in self.backends:
            forward(Asked(backend.name))
            hurried = self._in_time(backend.name, plan, folder, due)
            if hurried.engine != plan.engine:
                forward(Hurried(backend.name, hurried.engine))
            try:
                return await backend.make_mattes(clip, hurried, folder, forward)
            except BackendUnavailable as failure:
                failures.append(failure)
                forward(FellBack(backend.name, failure.why, failure.detail))
        raise AllBackendsFailed(f"nobody left in {self.name}", failures)

    def _in_time(self, name: str, plan: Plan, folder: Path, due: float) -> Plan:
        """The plan, with the hasty engine where the place would be late with the plan's."""
        speed = self.estimates.speed(name, plan.engine)
        frames = sum(segment.frames for segment in missing(plan, folder))
        if speed is None or time.monotonic() + frames / speed <= due:
            return plan
        return plan.model_copy(update={"engine": HASTY})
