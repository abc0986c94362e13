"""Ask backends in order: if one fails, the next one continues."""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from typing import Protocol, TypeVar

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
from video_editing.contract.engines import (
    AUTO_ENGINE,
    BEST_ENGINE,
    FAST_ENGINE,
    MAX_TIME_FACTOR,
)
from video_editing.contract.plan import Plan, find_missing_segments


class _Named(Protocol):
    name: str


AnyBackend = TypeVar("AnyBackend", bound=_Named)


class LoadBalancer:
    """Chooses, among equal backends that follow each other, the one with the fewest jobs."""

    def __init__(self, running: Counter[str], groups: Iterable[Collection[str]] = ()) -> None:
        """Balance *groups*.

        Args:
            running: jobs of each backend, by name; several chains may count in it.
            groups: names of equal backends, or of equal renderers.
        """
        self._running = running
        self._groups = {name: i for i, group in enumerate(groups) for name in group}

    def pop_next(self, backends: list[AnyBackend], preferred: str | None = None) -> AnyBackend:
        """Remove from *backends*, which are not empty, the one to ask, and return it.

        Among equal ones that is the one with the name *preferred*, if it is there.
        """
        first = backends[0]
        equals = takewhile(lambda it: it is first or self._are_equal(it, first), backends)
        chosen = min(equals, key=lambda it: (it.name != preferred, self._running[it.name]))
        backends.remove(chosen)
        return chosen

    @contextmanager
    def count_job(self, backend: str) -> Iterator[None]:
        """Count a job of *backend* for the time of the block."""
        self._running[backend] += 1
        try:
            yield
        finally:
            self._running[backend] -= 1

    def _are_equal(self, one: _Named, other: _Named) -> bool:
        group = self._groups.get(one.name)
        return group is not None and group == self._groups.get(other.name)


class FallbackChain(OverlayBackend):
    """Asks its backends in order; reports which one has the job, and why another lost it."""

    name = "chain"

    def __init__(
        self,
        backends: Sequence[OverlayBackend],
        estimates: ThroughputEstimates,
        balancer: LoadBalancer | None = None,
        *,
        deadline: float,
        time_factor: float = MAX_TIME_FACTOR,
    ) -> None:
        """Chain *backends*.

        Args:
            backends: best first.
            estimates: their measured speeds.
            balancer: chooses among those that are equal.
            deadline: seconds within which a job's mattes should be complete.
            time_factor: how many times the clip's length they may take with the best engine, where
                the job leaves the engine to the chain.
        """
        self.backends = tuple(backends)
        self.estimates = estimates
        self._balancer = balancer or LoadBalancer(Counter())
        self._deadline = deadline
        self._time_factor = time_factor

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        due = time.monotonic() + self._deadline
        forward = make_monotonic(report, plan.frames)
        failures, left = [], list(self.backends)
        while left:
            backend = self._balancer.pop_next(left)
            forward(BackendStarted(backend.name))
            affordable_plan = self._choose_engine(backend.name, plan, folder, due)
            if affordable_plan.engine == FAST_ENGINE != plan.engine:
                forward(EngineDowngraded(backend.name, affordable_plan.engine))
            try:
                with self._balancer.count_job(backend.name):
                    return await backend.make_mattes(clip, affordable_plan, folder, forward)
            except BackendUnavailable as failure:
                failures.append(failure)
                forward(FellBack(backend.name, failure.kind, failure.detail))
        raise AllBackendsFailed(f"no backend left in {self.name}", failures)

    def _choose_engine(self, name: str, plan: Plan, folder: Path, due: float) -> Plan:
        """Return the plan with the fast engine if the backend would take too long with its own.

        A job that leaves the engine to the chain gets the best one, where the backend's speed is
        known; else the backend decides.
        """
        missing = find_missing_segments(plan, folder)
        frames = sum(segment.frames for segment in missing)
        ticks = sum(segment.end - segment.start for segment in missing)
        seconds_left, engine = due - time.monotonic(), plan.engine
        if plan.engine == AUTO_ENGINE:
            engine = BEST_ENGINE
            seconds_left = min(
                seconds_left, self._time_factor * float(ticks * Fraction(*plan.timebase))
            )
        speed = self.estimates.get_speed(name, engine)
        if speed is None:
            return plan
        is_affordable = speed * seconds_left >= frames
        return plan.model_copy(update={"engine": engine if is_affordable else FAST_ENGINE})
