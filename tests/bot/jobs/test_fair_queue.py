"""Turns: how many at once, of whom, and in which order."""

import asyncio
from contextlib import AsyncExitStack
from statistics import mean

import pytest

from bot.jobs.fair_queue import ROUND_LENGTH, FairQueue


class Waiter:
    """Wait for a slot, and hold it until the stack is closed."""

    def __init__(self, stack: AsyncExitStack, turns: FairQueue, job: str, user: int) -> None:
        self.task = asyncio.create_task(stack.enter_async_context(turns.acquire_slot(job, user)))

    async def gives_up(self) -> None:
        """Have it wait no more."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def served(coming: list[int], at_once: int = 1) -> list[int]:
    """The users in the order of their turns, when all of *coming* wait at once."""
    turns = FairQueue(at_once)
    order: list[int] = []

    async def work(job: str, user: int) -> None:
        async with turns.acquire_slot(job, user):
            order.append(user)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for number, user in enumerate(coming):
            group.create_task(work(str(number), user))
    return order


async def test_one_user_after_the_other_has_a_turn() -> None:
    """A user with four jobs gets a second slot when all other users had one."""
    assert await served([1, 1, 1, 1, 2, 3]) == [1, 2, 3, 1, 1, 1]


async def test_many_jobs_of_one_do_not_make_others_wait() -> None:
    """Four jobs of one user raise the others' wait by less than a tenth."""

    def waits(order: list[int]) -> float:
        return mean(place for place, user in enumerate(order) if user != 1)

    others = [user for user in range(2, 12) for _ in range(2)]
    alone, crowded = await served([1, *others]), await served([1, 1, 1, 1, *others])
    assert waits(crowded) < 1.1 * waits(alone)


async def test_jobs_of_a_user_come_in_the_order_of_coming() -> None:
    """Within a user it is first come, first served."""
    turns = FairQueue(1)
    order: list[str] = []

    async def work(job: str) -> None:
        async with turns.acquire_slot(job, 1):
            order.append(job)

    async with asyncio.TaskGroup() as group:
        for job in ("first", "second", "third"):
            group.create_task(work(job))
    assert order == ["first", "second", "third"]


async def test_newcomers_do_not_push_back_whoever_waits_for_ever() -> None:
    """The second job of a user has its turn however many users come all the time."""
    turns = FairQueue(1)
    order: list[int] = []

    async def work(job: str, user: int) -> None:
        async with turns.acquire_slot(job, user):
            order.append(user)
            if 1 < user < 1000:  # a new user comes with each slot
                group.create_task(work(f"{user + 1}", user + 1))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for job, user in (("a", 1), ("a again", 1), ("b", 2)):
            group.create_task(work(job, user))
    assert order[:3] == [1, 2, 3]
    assert order[1:].index(1) < 2 * ROUND_LENGTH


async def test_who_comes_back_is_no_newcomer() -> None:
    """A user whose job ended gets no second slot before the first of another user."""
    turns = FairQueue(1)
    async with AsyncExitStack() as stack:
        async with turns.acquire_slot("first", 1):
            waiting = [
                Waiter(stack, turns, "first of b", 2),
                Waiter(stack, turns, "second of b", 2),
                Waiter(stack, turns, "of c", 3),
            ]
            await asyncio.sleep(0)
        back = Waiter(stack, turns, "second", 1)
        await asyncio.sleep(0)
        assert turns.list_running() == ["first of b"]
        assert turns.list_waiting() == ["of c", "second of b", "second"]
        for waiter in (*waiting, back):
            await waiter.gives_up()


async def test_as_many_at_once_as_allowed_and_one_of_each_user() -> None:
    """Never more than two turns side by side, and never two of one user."""
    turns = FairQueue(2)
    running: list[int] = []
    most: list[int] = []

    async def work(job: str, user: int) -> None:
        async with turns.acquire_slot(job, user):
            running.append(user)
            assert len(set(running)) == len(running)
            most.append(len(running))
            await asyncio.sleep(0.001)
            running.remove(user)

    async with asyncio.TaskGroup() as group:
        for number in range(30):
            group.create_task(work(str(number), number % 4))
    assert max(most) == 2


async def test_waiting_jobs_are_listed_in_the_order_of_their_slots() -> None:
    turns = FairQueue(1)
    async with AsyncExitStack() as stack, turns.acquire_slot("running", 1):
        coming = (("a", 1), ("a again", 1), ("b", 2), ("c", 3))
        waiters = [Waiter(stack, turns, job, user) for job, user in coming]
        await asyncio.sleep(0)
        waiting = turns.list_waiting()
        for waiter in waiters:
            await waiter.gives_up()
    assert waiting == ["b", "c", "a", "a again"]


async def test_whoever_stops_waiting_leaves_no_trace() -> None:
    """A cancelled job takes no turn, and those behind it move up."""
    turns = FairQueue(1)
    async with AsyncExitStack() as stack:
        async with turns.acquire_slot("running", 1):
            gone = Waiter(stack, turns, "gone", 2)
            behind = Waiter(stack, turns, "behind", 3)
            await asyncio.sleep(0)
            assert turns.list_waiting() == ["gone", "behind"]
            await gone.gives_up()
            assert turns.list_waiting() == ["behind"]
        await asyncio.wait_for(behind.task, 1)
        assert turns.list_running() == ["behind"]


async def test_a_turn_that_fails_is_given_up() -> None:
    """An error in a turn lets the next one have it."""
    turns = FairQueue(1)
    with pytest.raises(ZeroDivisionError):
        async with turns.acquire_slot("broken", 1):
            1 / 0  # noqa: B018 - the error is what is wanted
    async with asyncio.timeout(1), turns.acquire_slot("next", 1):
        assert turns.list_running() == ["next"]


async def test_cancelled_as_it_is_called() -> None:
    """A job that is cancelled in the moment of its call passes the turn on."""
    turns = FairQueue(1)
    async with AsyncExitStack() as stack:
        async with turns.acquire_slot("holder", 1):
            called = Waiter(stack, turns, "called", 2)
            await asyncio.sleep(0)
        assert turns.list_running() == ["called"]  # though its task does not know yet
        await called.gives_up()
        assert turns.list_running() == []


async def test_a_suspect_has_its_turn_alone() -> None:
    """It waits until no job runs, and no job starts beside it, though slots are free."""
    turns = FairQueue(3)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(turns.acquire_slot("a", 1))
        suspect = asyncio.create_task(
            stack.enter_async_context(turns.acquire_slot("b", 2, is_alone=True))
        )
        await asyncio.sleep(0)
        later = asyncio.create_task(stack.enter_async_context(turns.acquire_slot("c", 3)))
        await asyncio.sleep(0.01)
        assert turns.list_running() == ["a"]
        await stack.pop_all().aclose()
        await suspect
        await asyncio.sleep(0.01)
        assert turns.list_running() == ["b"]
        assert not later.done()
        later.cancel()


async def test_the_wait_is_estimated_from_the_jobs_before() -> None:
    """Half of them took less; two run at a time. Without enough of them nothing is said."""
    now = 0.0
    queue = FairQueue(2, lambda: now)
    for seconds in (10, 20, 600):
        assert queue.estimate_wait(0) is None
        async with queue.acquire_slot("a", 1):
            now += seconds
    assert queue.estimate_wait(0) == 10
    assert queue.estimate_wait(3) == 40
