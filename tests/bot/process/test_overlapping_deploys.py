"""An old and a new bot overlap at a deploy: one of them works at a time, and nothing is lost."""

import asyncio
import time

from tests.bot.support.bot_process import BotProcess
from tests.bot.support.conversation import always_true, clip, living, ordered, result_for
from tests.bot.support.fake_telegram import Telegram
from tests.bot.support.running_bot import Opener

TAKEN_OVER_SECONDS = 5.0  #: until the new one works, on a machine that does much else


async def healthy(bot: BotProcess) -> None:
    """Wait until it says that it lives."""
    async with asyncio.timeout(30):
        while await bot.asked("/healthz") != 200:
            await asyncio.sleep(0.05)


async def test_the_new_one_waits_for_the_old_one(
    telegram: Telegram, open_bot: Opener, database: dict[str, str]
) -> None:
    """Healthy, so that the platform goes on, but not ready; then it finishes what was begun."""
    old = await open_bot(**database).start().ready()
    ann = telegram.user(7)
    card = await ordered(ann, clip(matte={"seconds": 3}))
    await telegram.until(lambda: old.runs("matte"), 20, "a job that runs")
    with living(BotProcess(telegram, old.folder, old.tools, database)) as new:
        new.start()
        await healthy(new)
        await asyncio.sleep(1)
        assert [await bot.asked("/readyz") for bot in (old, new)] == [200, 503]
        assert len(old.runs("matte")) == 1, "both work"
        assert (await old.stop()).code == 0
        left = time.monotonic()
        await new.ready()
        assert time.monotonic() - left < TAKEN_OVER_SECONDS
        await result_for(ann, card)
        await always_true(telegram, new)


async def test_the_new_one_takes_over_from_one_that_was_killed(
    telegram: Telegram, open_bot: Opener, database: dict[str, str]
) -> None:
    """As a platform does that waited long enough."""
    old = await open_bot(**database).start().ready()
    with living(BotProcess(telegram, old.folder, old.tools, database)) as new:
        new.start()
        await healthy(new)
        old.kill()
        left = time.monotonic()
        await new.ready()
        assert time.monotonic() - left < TAKEN_OVER_SECONDS
        await result_for(telegram.user(7), await ordered(telegram.user(7), clip()))
        await always_true(telegram, new)
