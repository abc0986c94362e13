"""A place that failed is left alone for a while, then tried by one job before all others."""

import time
from pathlib import Path

from pydantic import BaseModel

from backends.base import Event, OverlayBackend, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.state_file import JsonStateFile
from video_editing.contract.errors import InputRejected
from video_editing.contract.plan import Plan
from video_editing.contract.progress import Progress

#: faults that do not pass by themselves: one is enough
PERMANENT_FAILURES = (FailureKind.REFUSED, FailureKind.UNSAFE, FailureKind.NO_MODEL)


class BreakerState(BaseModel):
    """How a place fared.

    Attributes:
        failures: how many came in a row.
        until: the monotonic clock's time before which nobody asks again.
    """

    failures: int = 0
    until: float = 0


class CircuitBreaker(OverlayBackend):
    """Closed; open for a cool-down; half-open, when one job may probe.

    Taking the probe moves the end of the rest on by another cool-down, and as long as the probe
    gets on it keeps doing so. A probe that dies therefore blocks the place for no longer.

    The monotonic clock is the machine's: no jump of the wall clock moves it, and a restarted
    process goes on with it. Only a restarted machine begins it anew; an end of rest that lies
    further ahead than a cool-down was written before that, and is past.
    """

    def __init__(
        self,
        inner: OverlayBackend,
        state_file: JsonStateFile[BreakerState],
        *,
        failure_threshold: int,
        cooldown: float,
    ) -> None:
        """Watch over *inner*.

        Args:
            inner: the place.
            state_file: where it is kept how all places fared.
            failure_threshold: so many in a row open the breaker.
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
        """Be the one that asks again.

        Raises:
            BackendUnavailable: RESTING, it is too early, or somebody else is the one.
        """
        with self._state_file.update() as rests:
            state = rests.setdefault(self.name, BreakerState())
            now = time.monotonic()
            if now < state.until <= now + self._cooldown:
                raise BackendUnavailable(self.name, FailureKind.COOLING_DOWN)
            state.until = now + self._cooldown

    def _extend_probe_on_progress(self, report: Report) -> Report:
        """Report, and keep the probe ours while it gets on."""
        extended_at = time.monotonic()

        def forward(event: Event) -> None:
            nonlocal extended_at
            now = time.monotonic()
            if isinstance(event, Progress) and now - extended_at > self._cooldown / 2:
                extended_at = now
                with self._state_file.update() as rests:
                    rests.setdefault(self.name, BreakerState()).until = now + self._cooldown
            report(event)

        return forward

    def _record_failure(self, kind: FailureKind) -> None:
        with self._state_file.update() as rests:
            state = rests.setdefault(self.name, BreakerState())
            state.failures += self._failure_threshold if kind in PERMANENT_FAILURES else 1
            state.until = time.monotonic() + self._cooldown

    def _record_success(self) -> None:
        if self._read_state().failures:
            with self._state_file.update() as rests:
                rests.pop(self.name, None)
