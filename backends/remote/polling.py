"""When to look at a job of the service again, and when to give it up."""

import asyncio

from backends.errors import BackendUnavailable, FailureKind
from backends.remote.http_client import Timeouts
from backends.resilience.retry import TRANSIENT_FAILURES

MAX_FAILED_POLLS = 4  #: failures in a row after which the job is given up


class PollSchedule:
    """The pauses between the polls of one job, which must progress.

    A few failures in a row do not end the job: the service works on while a proxy in between
    restarts or the network fails for a moment.
    """

    def __init__(self, backend: str, timeouts: Timeouts) -> None:
        """Start; *backend* is named in errors."""
        self._backend, self._timeouts = backend, timeouts
        self._failures = 0
        self._last_progress: object = None
        self._due = self._now + timeouts.start

    def record(self, progress: object, limit: float) -> None:
        """Note an answer; it shows progress if *progress* differs from that of the last one.

        Args:
            progress: anything that can be compared.
            limit: seconds until it must change.

        Raises:
            BackendUnavailable: TOO_SLOW, the job has not progressed for too long.
        """
        if progress != self._last_progress:
            self._last_progress = progress
            self._due = self._now + limit
        if self._now > self._due:
            raise BackendUnavailable(self._backend, FailureKind.TOO_SLOW, "no progress")

    def decide_pause(self, failure: BackendUnavailable | None = None) -> float:
        """Return the seconds until the next poll, after a *failure* or none.

        Raises:
            BackendUnavailable: *failure*, if it is permanent, one too many, or if the pause would
                outlast the time in which the job must progress.
        """
        if failure is None:
            self._failures = 0
            return self._timeouts.poll
        self._failures += 1
        pause = self._timeouts.poll * 2.0 ** (self._failures - 1)
        if failure.retry_after is not None:
            pause = failure.retry_after
        is_over = self._failures >= MAX_FAILED_POLLS or self._now + pause > self._due
        if is_over or failure.kind not in TRANSIENT_FAILURES:
            raise failure
        return pause

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()
