"""Requests stay within the limit of a key, over tasks, processes and kills."""

import asyncio
import heapq
import random
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import pytest

from backends.shotstack.errors import ShotstackRateLimited
from backends.shotstack.rate_limiter import RateLimit, RateLimiter, RequestLog
from backends.state_file import JsonStateFile

ALLOWED, WINDOW, LAG = 7, 60.0, 30.0


class Clock:
    """A clock that advances when all tasks wait."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds* of this clock."""
        until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self.now + seconds, next(self._numbers), until))
        await until

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Advance the time until *work* is done."""
        task = asyncio.ensure_future(work())
        while not task.done():
            for _ in range(20):  # every task that can continue does
                await asyncio.sleep(0)
            if self._waiting and not task.done():
                self.now, _, until = heapq.heappop(self._waiting)
                if not until.done():
                    until.set_result(None)
        await task


def limiter(clock: Clock, path: Path | None) -> RateLimiter:
    """Return a limiter as a process creates it."""
    shelf = JsonStateFile(path, RequestLog) if path else None
    return RateLimiter("k", RateLimit(ALLOWED, WINDOW, LAG), shelf, clock=clock, sleep=clock.sleep)


def most(arrivals: list[float]) -> int:
    """Return the largest number of requests in any window."""
    return max(sum(1 for other in arrivals if t <= other < t + WINDOW) for t in arrivals)


@pytest.mark.parametrize("seed", range(12))
async def test_no_window_has_more_requests(seed: int, tmp_path: Path) -> None:
    """In bursts or alone, arriving at once or late, also over restarts."""
    chance, clock, arrivals = random.Random(seed), Clock(), list[float]()  # noqa: S311 - reproducible, not secret
    path = tmp_path / "seen.json"

    async def ask(at: RateLimiter) -> None:
        async with at.acquire(max_wait=1e9):
            await clock.sleep(chance.uniform(0, LAG / 2))
            arrivals.append(clock.now)
            await clock.sleep(chance.uniform(0, LAG / 2))

    async def life(many: int) -> None:
        at = limiter(clock, path)
        tasks = set()
        for _ in range(many):
            burst = chance.choice([1, 1, 3, 20])
            tasks |= {asyncio.create_task(ask(at)) for _ in range(burst)}
            await clock.sleep(chance.choice([0, 0.1, 5, 59.9, 60, 70]))
        if chance.random() < 0.5:  # a kill; requests in progress may still arrive, or not
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def lives() -> None:
        for _ in range(3):
            await life(4)

    await clock.run(lives)
    assert len(arrivals) > ALLOWED
    assert most(arrivals) <= ALLOWED


async def test_the_limit_is_used_fully() -> None:
    """Seventy requests at the same time take little more than nine windows."""
    clock = Clock()
    at = limiter(clock, None)
    began = clock.now

    async def ask() -> None:
        async with at.acquire(max_wait=1e9):
            await clock.sleep(0.1)

    async def crowd() -> None:
        await asyncio.gather(*(ask() for _ in range(10 * ALLOWED)))

    await clock.run(crowd)
    assert 9 * WINDOW <= clock.now - began <= 10 * WINDOW + 10


async def test_two_processes_share_the_limit(tmp_path: Path) -> None:
    """Two limiters with one state file admit no more requests than one would."""
    clock, arrivals = Clock(), list[float]()
    both = limiter(clock, tmp_path / "seen.json"), limiter(clock, tmp_path / "seen.json")

    async def ask(at: RateLimiter) -> None:
        async with at.acquire(max_wait=1e9):
            arrivals.append(clock.now)
            await clock.sleep(0.1)

    async def crowd() -> None:
        await asyncio.gather(*(ask(both[i % 2]) for i in range(30)))

    await clock.run(crowd)
    assert len(arrivals) == 30
    assert most(arrivals) <= ALLOWED


async def test_the_end_of_a_request_is_known_to_all_limiters(tmp_path: Path) -> None:
    """A request that one limiter saw start and another saw end occupies no slot any more."""
    clock, times = Clock(), list[float]()
    one, other = limiter(clock, tmp_path / "seen.json"), limiter(clock, tmp_path / "seen.json")

    async def ask(at: RateLimiter, seconds: float) -> None:
        async with at.acquire(max_wait=1e9):
            times.append(clock.now)
            await clock.sleep(seconds)

    async def crowd() -> None:
        slow = [asyncio.create_task(ask(other, 2)) for _ in range(ALLOWED)]
        await clock.sleep(1)
        await ask(one, 0)  # arrives while they are in progress
        await asyncio.gather(*slow)

    await clock.run(crowd)
    assert WINDOW < times[-1] - times[0] < WINDOW + LAG / 2


async def test_the_limit_holds_with_a_full_disk(tmp_path: Path) -> None:
    """Requests are counted although they cannot be recorded."""
    (tmp_path / "file").touch()
    clock, arrivals = Clock(), list[float]()
    at = limiter(clock, tmp_path / "file" / "seen.json")

    async def ask() -> None:
        async with at.acquire(max_wait=1e9):
            arrivals.append(clock.now)

    async def crowd() -> None:
        await asyncio.gather(*(ask() for _ in range(30)))

    await clock.run(crowd)
    assert most(arrivals) <= ALLOWED


async def test_a_429_blocks_all_processes(tmp_path: Path) -> None:
    """After a 429 no process sends requests until its Retry-After is over."""
    clock, times = Clock(), list[float]()
    limiter(clock, tmp_path / "seen.json").block(60)
    began = clock.now
    at = limiter(clock, tmp_path / "seen.json")

    async def ask() -> None:
        async with at.acquire(max_wait=1e9):
            times.append(clock.now)

    await clock.run(ask)
    assert 60 < times[0] - began <= 60 + 0.1 * WINDOW


async def test_the_wait_has_an_end() -> None:
    """A request without a slot in time fails with the time of the next one."""
    clock = Clock()
    at = limiter(clock, None)

    async def ask() -> None:
        async with at.acquire(max_wait=20):
            await clock.sleep(1)

    async def crowd() -> None:
        ends = await asyncio.gather(*(ask() for _ in range(ALLOWED + 1)), return_exceptions=True)
        last = ends[-1]
        assert isinstance(last, ShotstackRateLimited)
        assert 30 < last.retry_after < 45

    await clock.run(crowd)


async def test_a_wrong_clock_blocks_for_one_window_at_most(tmp_path: Path) -> None:
    """Times in the future count as the present."""
    path = tmp_path / "seen.json"
    clock = Clock()
    with JsonStateFile(path, RequestLog).update() as kept:
        kept["k"] = RequestLog(latest={str(i): clock.now + 1e6 for i in range(ALLOWED)}, shut=1e12)
    began = clock.now
    at = limiter(clock, path)

    async def ask() -> None:
        async with at.acquire(max_wait=1e9):
            pass

    await clock.run(ask)
    assert clock.now - began < 12 * WINDOW


async def test_cancelled_tasks_leave_the_queue() -> None:
    """A cancelled task in the queue does not block the others."""
    clock = Clock()
    at = limiter(clock, None)

    async def ask() -> None:
        async with at.acquire(max_wait=1e9):
            await clock.sleep(1)

    async def crowd() -> None:
        tasks = [asyncio.create_task(ask()) for _ in range(ALLOWED + 2)]
        await clock.sleep(5)
        tasks[-2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    await clock.run(crowd)
