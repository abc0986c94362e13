"""What is known of an open job while this process lives."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

from backends.base import Asked, Event, Spent
from bot.database.jobs import Job
from bot.domain.outcomes import Gone, Stopped
from bot.jobs.fair_queue import Turns
from bot.jobs.progress_message import Status
from video_editing.contract.progress import Progress

T = TypeVar("T")

NOTHING = 0.02  #: seconds in which no work is done
STEPS = 20  #: of a stage's frames; getting from one to the next is getting further
#: in the order in which they come
STAGES = ("fetch", "plan", "mattes", "compose", "deliver")


@dataclass(frozen=True, slots=True)
class Standing:
    """How an open job stands, for those who look on.

    Attributes:
        job: as it was when it came, or when we were started.
        stage: where it is; "" before the first one.
        running: whether it has its turn.
        ahead: how many come before it; None when it has its turn, or rests.
    """

    job: Job
    stage: str
    running: bool
    ahead: int | None


class Open:
    """An open job: its status, its turn, and what ends it before its time.

    Attributes:
        job: as it was when we learned of it.
        status: its message.
        stage: where it is; "" before the first one.
        task: its workflow, once that runs.
        sending: its result is on its way; nobody can take that back.
        ended: why it is to stop, if it is: its owner wants it, or is gone.
    """

    def __init__(self, job: Job, status: Status, further: Callable[[str], None]) -> None:
        """Begin where the job is.

        Args:
            job: as it is now.
            status: its message.
            further: told when it has got further than ever before.
        """
        self.job = job
        self.status = status
        self.stage = ""
        self.task: asyncio.Task[None] | None = None
        self.sending = False
        self.ended: Stopped | Gone | None = None
        self._stop = asyncio.Event()
        if job.cancelled:
            self.end(Stopped())
        self._further = further
        self._furthest = job.furthest
        self._turn = AsyncExitStack()
        self._has_turn = False

    def end(self, why: Stopped | Gone) -> None:
        """Have it stop, unless its result is on its way; the first reason counts."""
        self.ended = self.ended or why
        self._stop.set()

    async def take_turn(self, turns: Turns, *, alone: bool) -> None:
        """Wait for its turn, unless it has it; *alone* if we may have died over it."""
        if not self._has_turn:
            turn = turns.turn(self.job.id, self.job.user, self.job.created, alone=alone)
            await self._turn.enter_async_context(turn)
            self._has_turn = True

    async def give_up_turn(self) -> None:
        """Let others have theirs."""
        self._has_turn = False
        await self._turn.aclose()

    def at(self, stage: str) -> None:
        """It is at *stage* now."""
        self.stage = stage
        self.status.at(stage)
        self._get_to(furthest(stage))

    def hear(self, event: Event) -> None:
        """Something happened to it."""
        self.status.hear(event)
        if isinstance(event, Progress) and event.total:
            self._get_to(furthest(self.stage, event.done / event.total))

    def _get_to(self, place: str) -> None:
        if place > self._furthest:
            self._furthest = place
            self._further(place)

    async def unless_ended(self, work: Coroutine[Any, Any, T]) -> T | Stopped | Gone:
        """What *work* returns, or what has ended the job before, or meanwhile."""
        if self.ended:
            work.close()
            return self.ended
        doing = asyncio.create_task(work)
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({doing, stop}, return_when=asyncio.FIRST_COMPLETED)
            if self.sending:
                await asyncio.wait({doing})
            return self.ended if self.ended and not doing.done() else doing.result()
        finally:
            for task in (doing, stop):
                task.cancel()
            await asyncio.gather(doing, stop, return_exceptions=True)


class Meter:
    """Who worked at a stage, for how long, and for how much."""

    def __init__(self, place: str) -> None:
        """Begin; *place* has the work unless another is heard of."""
        self._place = place
        self._began = time.monotonic()
        self._spent: list[Spent] = []

    def hear(self, event: Event) -> None:
        """Something happened."""
        match event:
            case Spent():
                self._spent.append(event)
            case Asked(backend=place):
                self._place = place

    def read(self) -> list[Spent]:
        """What each place took; nothing where all was there already."""
        seconds = time.monotonic() - self._began
        return self._spent or [Spent(self._place, seconds, 0)][: seconds > NOTHING]


def furthest(stage: str, share: float = 0) -> str:
    """How far a job is that has done so much of *stage*; greater is further."""
    return f"{STAGES.index(stage)}:{int(STEPS * min(1.0, max(0.0, share))):02}"
