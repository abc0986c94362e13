"""What it means for a job when one of its stages fails: never, or later."""

import logging
import time
from dataclasses import dataclass

from backends.errors import AllBackendsFailed, BackendUnavailable, Why
from bot.database.jobs import Job, Ledger
from bot.domain.outcomes import Fault, Later, Refused
from bot.telegram.errors import TelegramAway, Unfetched
from video_editing.contract.errors import Cancelled, InputRejected, OutputFailed

log = logging.getLogger(__name__)

ATTEMPTS = 3  #: at which our tools may break, without getting further
SUSPECT = 3  #: deaths of ours while it ran, without getting further, after which it runs alone
DEATHS = 4  #: of which the last was while it ran alone
#: how a place fails that is alive, and is killed by the clip
BROKE = frozenset({Why.BROKEN, Why.NO_MEMORY})
#: what says nothing about the clip
SILENT = frozenset({Why.NOT_CONFIGURED, Why.REFUSED, Why.UNSAFE})


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is waited between attempts, in seconds.

    Attributes:
        broke: after our tools broke.
        park: after nobody could do it; twice as long after each further time.
        most: the longest of those.
        give_up: from the first of those to the last.
        quiet: after our start, before a suspect may run.
    """

    broke: float = 5
    park: float = 15
    most: float = 900
    give_up: float = 24 * 3600
    quiet: float = 5


class Setbacks:
    """Judges failures, and writes down what follows from them."""

    def __init__(self, ledger: Ledger, pace: Pace) -> None:
        self._ledger = ledger
        self._pace = pace

    async def judge(self, job: Job, err: Exception) -> Refused | Later:
        """What becomes of *job* after *err*."""
        match err:
            case Unfetched() | InputRejected():
                return refused(err)
            case TelegramAway():
                await self._ledger.delay(job.id, err.seconds)
                return Later(seconds=err.seconds, why="telegram")
            case BackendUnavailable() if not _by_the_clip(err):
                return await self._park(job, err.why, self._pace.park)
            case Cancelled():  # a child, by somebody who ends processes, perhaps us next
                return await self._park(job, "cancelled", self._pace.broke)
            case OutputFailed():
                log.error("job %s cannot write: %s", job.id, err)
                return await self._again(job, Fault.NO_DISK)
            case BackendUnavailable():
                log.warning("job %s broke a child: %s", job.id, err)
            case _:
                log.error("job %s failed by a fault of ours", job.id, exc_info=err)
        return await self._again(job, Fault.POISON)

    async def _again(self, job: Job, fault: Fault) -> Refused | Later:
        """A further attempt, after a pause, as long as there are any left."""
        attempts = await self._ledger.attempt(job.id)
        if attempts >= ATTEMPTS:
            return Refused(fault=fault)
        seconds = self._pace.broke * attempts
        await self._ledger.delay(job.id, seconds)
        return Later(seconds=seconds, why=fault)

    async def _park(self, job: Job, why: str, first: float) -> Refused | Later:
        """A pause, until somebody can do it; the first one is given, each further twice as long."""
        if job.parked and time.time() - job.parked > self._pace.give_up:
            return Refused(fault=Fault.NOBODY)
        log.warning("job %s is parked: %s", job.id, why)
        seconds = min(first * 2.0 ** min(job.pauses, 30), self._pace.most)
        await self._ledger.park(job.id, seconds)
        return Later(seconds=seconds, why=why)


def refused(err: Unfetched | InputRejected) -> Refused:
    """What is told of a file that cannot be had, or cannot be used."""
    if isinstance(err, Unfetched):
        return Refused(fault=err.fault, details=err.details)
    details = {key: value for key, value in err.details.items() if key != "path"}
    return Refused(fault=err.reason, details=details)


def suspect(job: Job) -> bool:
    """Whether *job* may be what kills us, and is to be looked at alone.

    What ran as we died may be to blame; so may its neighbour, or whoever restarts us all the time.
    Alone it has no neighbour; and it begins some seconds after our start only, where nobody gets
    who is killed for other reasons all the time. Who kills us then too is poison.
    """
    return job.deaths >= SUSPECT


def _by_the_clip(err: BackendUnavailable) -> bool:
    """Whether whoever tried died of it, so that the clip may be to blame."""
    if not isinstance(err, AllBackendsFailed):
        return err.why is not Why.BUSY
    whys = {one.why for one in err.exceptions if isinstance(one, BackendUnavailable)} - SILENT
    return bool(whys) and whys <= BROKE
