"""Whose turn it is: so many at once, one of each user, users in turn."""

import asyncio
from bisect import insort
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

ROUND_LENGTH = 100  #: turns after which newcomers wait for those who have had a turn already


@dataclass(slots=True, eq=False)
class _Ticket:
    job: str
    user: int
    arrived_at: float
    is_alone: bool
    admitted: asyncio.Event = field(default_factory=asyncio.Event)


class FairQueue:
    """Jobs wait here for their turn.

    Turns are given in rounds, in which each user has one; whoever comes joins the round that goes
    on. So nobody waits for a second job of somebody else, however many she brings. Within a round
    it is first come, first served. Who is to be alone has its turn when nobody else runs; until it
    is over, those behind it wait.
    """

    def __init__(self, max_running: int) -> None:
        """Let *max_running* jobs have their turn side by side."""
        self._max_running = max_running
        self.on_change: Callable[[], None] = lambda: None
        self._waiting: list[_Ticket] = []  # in the order of coming
        self._running: list[_Ticket] = []
        self._round = 0
        self._slots_in_round = 0  # turns in this round
        self._next_round: dict[
            int, int
        ] = {}  # users: the first round in which they may have a turn

    @asynccontextmanager
    async def acquire_slot(
        self, job: str, user: int, arrived_at: float = 0, *, is_alone: bool = False
    ) -> AsyncIterator[None]:
        """Wait for the turn of *job*, which came at *arrived_at*; keep it until the block ends."""
        place = _Ticket(job, user, arrived_at, is_alone)
        insort(self._waiting, place, key=lambda other: other.arrived_at)
        self._update()
        try:
            await place.admitted.wait()
            yield
        finally:
            (self._waiting if place in self._waiting else self._running).remove(place)
            self._update()

    def count_ahead(self, job: str) -> int | None:
        """How many get their turn before *job*; None when it has it, or is not here."""
        waiting = self.list_waiting()
        return waiting.index(job) if job in waiting else None

    def list_waiting(self) -> list[str]:
        """The jobs that wait, in the order in which they are to come."""
        return [place.job for _, place in self._rank_waiting()]

    def list_running(self) -> list[str]:
        """The jobs that have their turn."""
        return [place.job for place in self._running]

    def _update(self) -> None:
        self._admit()
        self.on_change()

    def _admit(self) -> None:
        """Let those have their turn who can."""
        for turn, place in self._rank_waiting():
            if len(self._running) >= self._max_running:
                return
            if self._running and (place.is_alone or self._running[0].is_alone):
                return
            if all(other.user != place.user for other in self._running):
                self._waiting.remove(place)
                self._running.append(place)
                self._count_slot(turn, place.user)
                place.admitted.set()

    def _count_slot(self, round_number: int, user: int) -> None:
        """Note that *user* was given a turn of round *round_number*."""
        if round_number > self._round or self._slots_in_round >= ROUND_LENGTH:
            self._round, self._slots_in_round = max(round_number, self._round + 1), 0
            self._next_round = {
                user: next_ for user, next_ in self._next_round.items() if next_ > self._round
            }
        self._slots_in_round += 1
        self._next_round[user] = round_number + 1

    def _rank_waiting(self) -> list[tuple[int, _Ticket]]:
        """Those who wait, as they are to come, each with the round of its turn."""
        following: dict[int, int] = {}
        ranked = []
        for coming, place in enumerate(self._waiting):
            first = max(self._round, self._next_round.get(place.user, 0))
            turn = following.get(place.user, first)
            following[place.user] = turn + 1
            ranked.append((turn, coming, place))
        return [(turn, place) for turn, _, place in sorted(ranked, key=lambda rank: rank[:2])]
