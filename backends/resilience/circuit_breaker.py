"""Do not ask a backend that failed; after a cool-down one job probes it."""

import time
from pathlib import Path

from pydantic import BaseModel

from backends.base import Event, OverlayBackend, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.state_file import JsonStateFile
from video_editing.contract.errors import InputRejected
from video_editing.contract.plan import Plan
from video_editing.contract.progress import Progress

#: failures that do not pass by themselves: one opens the breaker
PERMANENT_FAILURES = (FailureKind.REFUSED, FailureKind.UNSAFE, FailureKind.NO_MODEL)


class BreakerState(BaseModel):
    """The state of one backend's breaker.

    Attributes:
        failures: number of failures in a row.
        until: end of the cool-down, as a time of the monotonic clock.
    """

    failures: int = 0
    until: float = 0


class CircuitBreaker(OverlayBackend):
    """Closed; open for a cool-down; then half-open, when one job may probe.

    Claiming the probe extends the cool-down, and so does the probe's progress. A probe that dies
    therefore blocks the backend for one cool-down at most.

    The monotonic clock is the machine's: changes of the wall clock do not affect it, and it
    survives a restart of the process. It restarts with the machine; an end that lies further ahead
    than one cool-down was written before that, and counts as past.
    """

    def __init__(
        self,
        inner: OverlayBackend,
        state_file: JsonStateFile[BreakerState],
        *,
        failure_threshold: int,
        cooldown: float,
    ) -> None:
        """Wrap *inner*.

        Args:
            inner: the backend.
            state_file: stores the states of all backends.
            failure_threshold: number of failures in a row that open the breaker.
            cooldown: seconds for which it stays open.
        """
        self.name = inner.name
        self._inner = inner
        self._state_file = state_file
        self._failure_threshold = failure_threshold
        self._cooldown = cooldown

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        if self._is_closed():
            forward = report
        else:
            self._claim_probe()
            forward = self._extend_probe_on_progress(report)
        try:
            await self._inner.make_mattes(clip, plan, folder, forward)
        except BackendUnavailable as failure:
            self._record_failure(failure.kind)
            raise
        except InputRejected:
            self._record_success()
            raise
        self._record_success()

    def _is_closed(self) -> bool:
        return self._read_state().failures < self._failure_threshold

    def _read_state(self) -> BreakerState:
        return self._state_file.read().get(self.name, BreakerState())

    def _claim_probe(self) -> None:
        """Reserve the probe for this job.

        Raises:
            BackendUnavailable: COOLING_DOWN, or another job probes.
        """
        with self._state_file.update() as states:
            state = states.setdefault(self.name, BreakerState())
            now = time.monotonic()
            if now < state.until <= now + self._cooldown:
                raise BackendUnavailable(self.name, FailureKind.COOLING_DOWN)
            state.until = now + self._cooldown

    def _extend_probe_on_progress(self, report: Report) -> Report:
        """Return a report that extends the probe's reservation while it progresses."""
        extended_at = time.monotonic()

        def forward(event: Event) -> None:
            nonlocal extended_at
            now = time.monotonic()
            if isinstance(event, Progress) and now - extended_at > self._cooldown / 2:
                extended_at = now
                with self._state_file.update() as states:
                    states.setdefault(self.name, BreakerState()).until = now + self._cooldown
            report(event)

        return forward

    def _record_failure(self, kind: FailureKind) -> None:
        with self._state_file.update() as states:
            state = states.setdefault(self.name, BreakerState())
            state.failures += self._failure_threshold if kind in PERMANENT_FAILURES else 1
            state.until = time.monotonic() + self._cooldown

    def _record_success(self) -> None:
        if self._read_state().failures:
            with self._state_file.update() as states:
                states.pop(self.name, None)
