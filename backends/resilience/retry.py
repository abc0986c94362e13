"""Ask a backend again after a transient failure."""

import time
from pathlib import Path

import stamina

from backends.base import OverlayBackend, Report, RetryScheduled
from backends.errors import BackendUnavailable, FailureKind
from video_editing.contract.plan import Plan

#: failures that may be over in a moment; to retry after others would only cost the user time
TRANSIENT_FAILURES = (FailureKind.UNREACHABLE, FailureKind.BUSY, FailureKind.BROKEN)
DEFAULT_WAIT = 0.3  #: seconds before the next attempt, unless the backend asks for another pause


class RetryingBackend(OverlayBackend):
    """Asks a backend again; segments that it finished before are not made again."""

    def __init__(self, inner: OverlayBackend, *, attempts: int, max_seconds: float) -> None:
        """Wrap *inner*.

        Args:
            inner: the backend.
            attempts: maximum number of attempts, the first one included.
            max_seconds: from the first attempt, after which no other one starts; a pause that
                would end later is not begun.
        """
        self.name = inner.name
        self._inner = inner
        self._attempts = attempts
        self._max_seconds = max_seconds

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        began = time.monotonic()

        def decide_wait(failure: Exception) -> bool | float:
            if (
                not isinstance(failure, BackendUnavailable)
                or failure.kind not in TRANSIENT_FAILURES
            ):
                return False
            wait = DEFAULT_WAIT if failure.retry_after is None else failure.retry_after
            if time.monotonic() - began + wait > self._max_seconds:
                return False
            if attempt.num < self._attempts:
                report(RetryScheduled(self.name, failure.kind, wait))
            return wait

        async for attempt in stamina.retry_context(
            decide_wait, attempts=self._attempts, timeout=self._max_seconds
        ):
            with attempt:
                await self._inner.make_mattes(clip, plan, folder, report)
