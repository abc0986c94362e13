"""Decides what follows from the failure of a stage: the end of the job, or a retry."""

import logging
import time
from dataclasses import dataclass

from backends.errors import AllBackendsFailed, BackendUnavailable, FailureKind
from bot.database.jobs import Job, JobRepository
from bot.domain.outcomes import FailureCode, Rejected, RetryLater
from bot.telegram.errors import DownloadRejected, TelegramUnavailable
from video_editing.contract.errors import Cancelled, InputRejected, OutputFailed

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3  #: at which our tools may break, without getting further
SUSPECT_DEATHS = (
    3  #: deaths of ours while it ran, without getting further, after which it runs alone
)
MAX_DEATHS = 4  #: of which the last was while it ran alone
#: how a place fails that is alive, and is killed by the clip
CRASH_KINDS = frozenset({FailureKind.BROKEN, FailureKind.NO_MEMORY})
#: what says nothing about the clip
NEUTRAL_KINDS = frozenset({FailureKind.NOT_CONFIGURED, FailureKind.REFUSED, FailureKind.UNSAFE})


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long is waited between attempts, in seconds.

    Attributes:
        after_error: after our tools broke.
        after_unavailable: after nobody could do it; twice as long after each further time.
        maximum: the longest of those.
        give_up_after: from the first of those to the last.
        startup_quiet: after our start, before a suspect may run.
    """

    after_error: float = 5
    after_unavailable: float = 15
    maximum: float = 900
    give_up_after: float = 24 * 3600
    startup_quiet: float = 5


class RetryPolicy:
    """Judges failures, and writes down what follows from them."""

    def __init__(self, job_repository: JobRepository, backoff: Backoff) -> None:
        self._job_repository = job_repository
        self._backoff = backoff

    async def decide(self, job: Job, err: Exception) -> Rejected | RetryLater:
        """What becomes of *job* after *err*."""
        match err:
            case DownloadRejected() | InputRejected():
                return build_rejection(err)
            case TelegramUnavailable():
                await self._job_repository.delay(job.id, err.seconds)
                return RetryLater(seconds=err.seconds, why="telegram")
            case BackendUnavailable() if not _is_caused_by_clip(err):
                return await self._park(job, err.kind, self._backoff.after_unavailable)
            case Cancelled():  # a child, by somebody who ends processes, perhaps us next
                return await self._park(job, "cancelled", self._backoff.after_error)
            case OutputFailed():
                log.error("job %s cannot write: %s", job.id, err)
                return await self._retry_after_error(job, FailureCode.NO_DISK)
            case BackendUnavailable():
                log.warning("job %s broke a child: %s", job.id, err)
            case _:
                log.error("job %s failed by a fault of ours", job.id, exc_info=err)
        return await self._retry_after_error(job, FailureCode.POISON)

    async def _retry_after_error(self, job: Job, code: FailureCode) -> Rejected | RetryLater:
        """A further attempt, after a pause, as long as there are any left."""
        attempts = await self._job_repository.count_attempt(job.id)
        if attempts >= MAX_ATTEMPTS:
            return Rejected(fault=code)
        seconds = self._backoff.after_error * attempts
        await self._job_repository.delay(job.id, seconds)
        return RetryLater(seconds=seconds, why=code)

    async def _park(self, job: Job, reason: str, first_seconds: float) -> Rejected | RetryLater:
        """A pause, until somebody can do it; the first one is given, each further twice as long."""
        if job.parked and time.time() - job.parked > self._backoff.give_up_after:
            return Rejected(fault=FailureCode.NO_BACKEND)
        log.warning("job %s is parked: %s", job.id, reason)
        seconds = min(first_seconds * 2.0 ** min(job.pauses, 30), self._backoff.maximum)
        await self._job_repository.park(job.id, seconds)
        return RetryLater(seconds=seconds, why=reason)


def build_rejection(err: DownloadRejected | InputRejected) -> Rejected:
    """What is told of a file that cannot be had, or cannot be used."""
    if isinstance(err, DownloadRejected):
        return Rejected(fault=err.fault, details=err.details)
    details = {key: value for key, value in err.details.items() if key != "path"}
    return Rejected(fault=err.reason, details=details)


def is_suspect(job: Job) -> bool:
    """Whether *job* may be what kills us, and is to be looked at alone.

    What ran as we died may be to blame; so may its neighbour, or whoever restarts us all the time.
    Alone it has no neighbour; and it begins some seconds after our start only, where nobody gets
    who is killed for other reasons all the time. Who kills us then too is poison.
    """
    return job.deaths >= SUSPECT_DEATHS


def _is_caused_by_clip(err: BackendUnavailable) -> bool:
    """Whether whoever tried died of it, so that the clip may be to blame."""
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
