"""Whatever kills the bot, and whenever: no job is lost.

A result comes twice only if the bot was killed inside of its send. The kills and the doubles are
counted at the end of the run.
"""

import asyncio
import random
from collections.abc import Callable

import pytest

from tests.bot.support.bot_process import BotProcess
from tests.bot.support.conversation import (
    always_true,
    card_of,
    clip,
    ordered,
    over,
    result_for,
)
from tests.bot.support.fake_telegram import Telegram, User
from tests.bot.support.kill_points import (
    KILLS,
    RECORD,
    Deaths,
    commits_of_a_job,
    die_at_each,
)
from tests.bot.support.running_bot import Opener

Count = Callable[[str, object], None]


@pytest.mark.slow
async def test_a_kill_at_some_borders(
    telegram: Telegram, open_bot: Opener, database: dict[str, str], record_property: Count
) -> None:
    """Before and after what a job writes down."""
    bot = await open_bot(**database).start().ready()
    count = await commits_of_a_job(bot, telegram.user(7))
    kills = [(when, n) for when, n in KILLS if n <= count]
    chosen = kills[:: len(kills) // 4] if not database else kills[3 :: len(kills) // 2]
    record_property("kills", await die_at_each(telegram, bot, chosen))


@pytest.mark.slow
async def test_a_kill_at_every_border(
    telegram: Telegram, open_bot: Opener, database: dict[str, str], record_property: Count
) -> None:
    """As above, at all of them."""
    bot = await open_bot(**database).start().ready()
    count = await commits_of_a_job(bot, telegram.user(7))
    kills = [(when, n) for when, n in KILLS if n <= count]
    record_property("kills", await die_at_each(telegram, bot, kills))


@pytest.mark.slow
async def test_a_result_comes_twice_after_a_kill_inside_its_send(
    telegram: Telegram, open_bot: Opener, database: dict[str, str], record_property: Count
) -> None:
    """Telegram accepted it, and that was not recorded; once it is, the result comes once."""
    bot = await open_bot(**database).start().ready()
    counts = await die_at_each(telegram, bot, [("before", RECORD), ("after", RECORD)])
    record_property("kills", counts)
    assert "lost: 0; doubles: 1; 100: inside a send" in counts


@pytest.mark.slow
async def test_kills_at_random(
    telegram: Telegram, open_bot: Opener, database: dict[str, str], record_property: Count
) -> None:
    """Sixty over twenty jobs on SQLite, forty on Postgres; every job's result comes."""
    bot = await open_bot(**database).start().ready()
    chance = random.Random(2)  # noqa: S311 - it only has to be the same again
    users = [telegram.user(500 + i) for i in range(20)]
    await asyncio.gather(*(order_surely(bot, user) for user in users))
    deaths = Deaths(telegram, bot)
    for _ in range(40 if database else 60):
        await asyncio.sleep(chance.uniform(0, 1))
        deaths.kill()
        await bot.start().ready()
    for user in users:
        await telegram.until(lambda user=user: over(bot, user), 60, "the end")
    assert [over(bot, user) for user in users] == [["done"]] * len(users)
    await telegram.quiet()
    record_property("kills", deaths.check(users))
    await always_true(telegram, bot, twice=len(users))


async def order_surely(bot: BotProcess, user: User) -> object:
    """Order a job of a second."""
    content = clip(matte={"seconds": 0.3}, edit={"seconds": 0.2})
    card = await card_of(user, await user.sends_video(content), within=60)
    await user.presses("^make", card)
    await user.telegram.until(lambda: not card.buttons, 20, "the card to lose its buttons")
    assert bot.alive
    return card


@pytest.mark.slow
async def test_a_clip_that_kills_the_bot_is_given_up(telegram: Telegram, open_bot: Opener) -> None:
    """After four crashes its user gets a message; jobs of others are done."""
    bot = await open_bot().start().ready()
    ann, bob = telegram.user(7), telegram.user(8)
    card = await ordered(ann, clip(edit={"fault": "kills-parent"}))
    other = await ordered(bob, clip(matte={"seconds": 1}))
    deaths = 0
    while not over(bot, ann):
        if not bot.alive:
            deaths += 1
            assert deaths < 6
            await bot.start().ready()
        await asyncio.sleep(0.05)
    assert (over(bot, ann), deaths) == (["failed"], 4)
    await ann.gets("text", after=card, where=lambda m: not m.buttons)
    await result_for(bob, other)
    await always_true(telegram, bot)
