"""Decides what follows from the failure of a stage: the end of the job, or a retry."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from backends.errors import AllBackendsFailed, BackendUnavailable, FailureKind
from bot.database.jobs import Job, JobRepository
from bot.domain.outcomes import FailureCode, Rejected, RetryLater
from bot.telegram.errors import DownloadRejected, TelegramUnavailable
from video_editing.contract.errors import Cancelled, InputRejected, OutputFailed

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3  #: failures of the tools without progress, after which a job fails
SUSPECT_DEATHS = 3  #: crashes of the bot without progress, after which a job runs alone
MAX_DEATHS = 4  #: crashes without progress, the last while the job ran alone; the job fails
MAX_DOUBLINGS = 30  #: of a pause; more would overflow after many pauses
#: failures that a clip may cause
CRASH_KINDS = frozenset({FailureKind.BROKEN, FailureKind.NO_MEMORY})
#: failures that say nothing about a clip
NEUTRAL_KINDS = frozenset({FailureKind.NOT_CONFIGURED, FailureKind.REFUSED, FailureKind.UNSAFE})


@dataclass(frozen=True, slots=True)
class Backoff:
    """The pauses between attempts, in seconds.

    Attributes:
        after_error: after a failure of the tools, times the number of failures.
        after_unavailable: after no backend was available; doubled each time.
        maximum: the longest pause.
        give_up_after: from the first time that no backend was available to the last.
        startup_quiet: after the start of the bot, before a suspect runs.
    """

    after_error: float = 5
    after_unavailable: float = 15
    maximum: float = 900
    give_up_after: float = 24 * 3600
    startup_quiet: float = 5


class RetryPolicy:
    """Decides about failures, and records attempts and pauses of jobs.

    Attributes:
        on_poison: called with the id of a job that is given up, when that is recorded.
    """

    def __init__(
        self,
        job_repository: JobRepository,
        backoff: Backoff,
        on_poison: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Store the collaborators.

        Args:
            job_repository: stores attempts and pauses.
            backoff: how long pauses are.
            on_poison: receives the id of each job that breaks the tools or the bot.
        """
        self._job_repository = job_repository
        self._backoff = backoff
        self.on_poison = on_poison

    async def decide(self, job: Job, err: Exception) -> Rejected | RetryLater:
        """Return what follows for *job* from *err*, and record it."""
        match err:
            case DownloadRejected() | InputRejected():
                return build_rejection(err)
            case TelegramUnavailable():
                await self._job_repository.delay(job.id, err.seconds)
                return RetryLater(seconds=err.seconds, why="telegram")
            case BackendUnavailable() if not _is_caused_by_clip(err):
                return await self._park(job, err.kind, self._backoff.after_unavailable)
            case Cancelled():  # something ended the child process, and may end this one next
                return await self._park(job, "cancelled", self._backoff.after_error)
            case OutputFailed():
                log.error("job %s cannot write: %s", job.id, err)
                return await self._retry_after_error(job, FailureCode.NO_DISK)
            case BackendUnavailable():
                log.warning("job %s: a child process crashed: %s", job.id, err)
            case _:
                log.error("job %s failed by a bug", job.id, exc_info=err)
        return await self._retry_after_error(job, FailureCode.POISON)

    async def _retry_after_error(self, job: Job, code: FailureCode) -> Rejected | RetryLater:
        """Retry after a pause, or reject with *code* after the last attempt."""
        attempts = await self._job_repository.count_attempt(job.id)
        if attempts >= MAX_ATTEMPTS:
            return Rejected(fault=code)
        seconds = self._backoff.after_error * attempts
        await self._job_repository.delay(job.id, seconds)
        return RetryLater(seconds=seconds, why=code)

    async def _park(self, job: Job, reason: str, first_seconds: float) -> Rejected | RetryLater:
        """Retry after a pause that doubles each time, or reject after a day of pauses."""
        if job.parked and time.time() - job.parked > self._backoff.give_up_after:
            return Rejected(fault=FailureCode.NO_BACKEND)
        log.warning("job %s is parked: %s", job.id, reason)
        doubled = first_seconds * 2.0 ** min(job.pauses, MAX_DOUBLINGS)
        seconds = min(doubled, self._backoff.maximum)
        await self._job_repository.park(job.id, seconds)
        return RetryLater(seconds=seconds, why=reason)


def build_rejection(err: DownloadRejected | InputRejected) -> Rejected:
    """Return the outcome for a file that cannot be downloaded or used."""
    if isinstance(err, DownloadRejected):
        return Rejected(fault=err.fault, details=err.details)
    details = {key: value for key, value in err.details.items() if key != "path"}
    return Rejected(fault=err.reason, details=details)


def is_suspect(job: Job) -> bool:
    """Return whether *job* may be what crashes the bot.

    A crash may also be the fault of another job that ran, or of a platform that keeps restarting
    the bot. A suspect runs alone, and only some seconds after the start, which a bot that is
    restarted all the time does not reach. If the bot crashes then too, the job is at fault.
    """
    return job.deaths >= SUSPECT_DEATHS


def _is_caused_by_clip(err: BackendUnavailable) -> bool:
    """Return whether all that tried crashed, so that the clip may be at fault."""
    if not isinstance(err, AllBackendsFailed):
        return err.kind is not FailureKind.BUSY and not _is_failed_start(err)
    kinds = {
        failure.kind
        for failure in err.exceptions
        if isinstance(failure, BackendUnavailable) and not _is_failed_start(failure)
    } - NEUTRAL_KINDS
    return bool(kinds) and kinds <= CRASH_KINDS


def _is_failed_start(err: BackendUnavailable) -> bool:
    """Return whether no process could be started: this machine has no processes or memory left."""
    return err.kind is FailureKind.BROKEN and isinstance(err.__cause__, OSError)
