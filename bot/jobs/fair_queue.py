"""Whose turn it is: so many at once, one of each user, users in turn."""

import asyncio
from bisect import insort
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

ROUND = 100  #: turns after which newcomers wait for those who have had a turn already


@dataclass(slots=True, eq=False)
class _Place:
    job: str
    user: int
    came: float
    alone: bool
    called: asyncio.Event = field(default_factory=asyncio.Event)


class Turns:
    """Jobs wait here for their turn.

    Turns are given in rounds, in which each user has one; whoever comes joins the round that goes
    on. So nobody waits for a second job of somebody else, however many she brings. Within a round
    it is first come, first served. Who is to be alone has its turn when nobody else runs; until it
    is over, those behind it wait.
    """

    def __init__(self, at_once: int) -> None:
        """Let *at_once* jobs have their turn side by side."""
        self._at_once = at_once
        self._waiting: list[_Place] = []  # in the order of coming
        self._running: list[_Place] = []
        self._round = 0
        self._given = 0  # turns in this round
        self._next: dict[int, int] = {}  # users: the first round in which they may have a turn

    @asynccontextmanager
    async def turn(
        self, job: str, user: int, came: float = 0, *, alone: bool = False
    ) -> AsyncIterator[None]:
        """Wait for the turn of *job*, which *came* at that time; keep it until the block ends."""
        place = _Place(job, user, came, alone)
        insort(self._waiting, place, key=lambda other: other.came)
        self._call()
        try:
            await place.called.wait()
            yield
        finally:
            (self._waiting if place in self._waiting else self._running).remove(place)
            self._call()

    def ahead(self, job: str) -> int | None:
        """How many get their turn before *job*; None when it has it, or is not here."""
        waiting = self.waiting()
        return waiting.index(job) if job in waiting else None

    def waiting(self) -> list[str]:
        """The jobs that wait, in the order in which they are to come."""
        return [place.job for _, place in self._order()]

    def running(self) -> list[str]:
        """The jobs that have their turn."""
        return [place.job for place in self._running]

    def _call(self) -> None:
        """Let those have their turn who can."""
        for turn, place in self._order():
            if len(self._running) >= self._at_once:
                return
            if self._running and (place.alone or self._running[0].alone):
                return
            if all(other.user != place.user for other in self._running):
                self._waiting.remove(place)
                self._running.append(place)
                self._count(turn, place.user)
                place.called.set()

    def _count(self, turn: int, user: int) -> None:
        """Note that *user* was given a turn of round *turn*."""
        if turn > self._round or self._given >= ROUND:
            self._round, self._given = max(turn, self._round + 1), 0
            self._next = {user: next_ for user, next_ in self._next.items() if next_ > self._round}
        self._given += 1
        self._next[user] = turn + 1

    def _order(self) -> list[tuple[int, _Place]]:
        """Those who wait, as they are to come, each with the round of its turn."""
        following: dict[int, int] = {}
        ranked = []
        for coming, place in enumerate(self._waiting):
            first = max(self._round, self._next.get(place.user, 0))
            turn = following.get(place.user, first)
            following[place.user] = turn + 1
            ranked.append((turn, coming, place))
        return [(turn, place) for turn, _, place in sorted(ranked, key=lambda rank: rank[:2])]
