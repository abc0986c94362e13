"""Gives slots to jobs: a limited number at a time, one per user, and users in rounds."""

import asyncio
import time
from bisect import insort
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median

MIN_MEASURED, MAX_MEASURED = 3, 20  #: jobs that had a slot, for an estimate of the wait
ROUND_LENGTH = 100  #: slots of a round; users who come later belong to the next round


@dataclass(slots=True, eq=False)
class _Ticket:
    job: str
    user: int
    arrived_at: float
    is_alone: bool
    admitted: asyncio.Event = field(default_factory=asyncio.Event)
    admitted_at: float = 0


class FairQueue:
    """Jobs wait here for a slot.

    Slots are given in rounds, in each of which a user has one. A new user joins the current round.
    So no user waits for the second job of another, however many jobs that user has. Within a round
    the order is that of arrival. A job that runs alone gets its slot when no other job runs; until
    it ends, all jobs behind it wait.

    Attributes:
        on_change: called after a job has entered or left the queue.
    """

    def __init__(self, max_running: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Let *max_running* jobs run at the same time."""
        self._max_running, self._clock = max_running, clock
        self._durations: deque[float] = deque(maxlen=MAX_MEASURED)  # of slots, in seconds
        self.on_change: Callable[[], None] = lambda: None
        self._waiting: list[_Ticket] = []  # in the order of arrival
        self._running: list[_Ticket] = []
        self._round = 0
        self._slots_in_round = 0
        self._next_round: dict[int, int] = {}  # by user, the first round with a slot for it

    @asynccontextmanager
    async def acquire_slot(
        self, job: str, user: int, arrived_at: float = 0, *, is_alone: bool = False
    ) -> AsyncIterator[None]:
        """Wait for a slot for *job*, which arrived at *arrived_at*; hold it inside the block."""
        ticket = _Ticket(job, user, arrived_at, is_alone)
        insort(self._waiting, ticket, key=lambda other: other.arrived_at)
        self._update()
        try:
            await ticket.admitted.wait()
            yield
        finally:
            self._remove(ticket)
            self._update()

    def list_waiting(self) -> list[str]:
        """Return the jobs that wait, in the order in which they get a slot."""
        return [ticket.job for _, ticket in self._rank_waiting()]

    def list_running(self) -> list[str]:
        """Return the jobs that have a slot."""
        return [ticket.job for ticket in self._running]

    def estimate_wait(self, ahead: int) -> float | None:
        """Return after how many seconds a job gets a slot that waits for *ahead* others.

        None where too few jobs have ended since the start.
        """
        if len(self._durations) < MIN_MEASURED:
            return None
        return (ahead + 1) * median(self._durations) / self._max_running

    def _remove(self, ticket: _Ticket) -> None:
        if ticket in self._waiting:
            self._waiting.remove(ticket)
        else:
            self._running.remove(ticket)
            self._durations.append(self._clock() - ticket.admitted_at)

    def _update(self) -> None:
        self._admit()
        self.on_change()

    def _admit(self) -> None:
        """Give the free slots to the next jobs."""
        for round_number, ticket in self._rank_waiting():
            if len(self._running) >= self._max_running:
                return
            if self._running and (ticket.is_alone or self._running[0].is_alone):
                return
            if all(other.user != ticket.user for other in self._running):
                self._waiting.remove(ticket)
                self._running.append(ticket)
                ticket.admitted_at = self._clock()
                self._count_slot(round_number, ticket.user)
                ticket.admitted.set()

    def _count_slot(self, round_number: int, user: int) -> None:
        """Note that *user* got a slot of a round; begin the next round if this one is full."""
        if round_number > self._round or self._slots_in_round >= ROUND_LENGTH:
            self._round, self._slots_in_round = max(round_number, self._round + 1), 0
            self._next_round = {
                user: next_ for user, next_ in self._next_round.items() if next_ > self._round
            }
        self._slots_in_round += 1
        self._next_round[user] = round_number + 1

    def _rank_waiting(self) -> list[tuple[int, _Ticket]]:
        """Return the tickets that wait, each with its round, in the order of slots."""
        next_round: dict[int, int] = {}  # by user, for the jobs behind its first
        ranked = []
        for position, ticket in enumerate(self._waiting):
            first_round = max(self._round, self._next_round.get(ticket.user, 0))
            round_number = next_round.get(ticket.user, first_round)
            next_round[ticket.user] = round_number + 1
            ranked.append((round_number, position, ticket))
        return [
            (round_number, ticket)
            for round_number, _, ticket in sorted(ranked, key=lambda rank: rank[:2])
        ]
