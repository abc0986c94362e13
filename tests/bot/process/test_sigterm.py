"""A bot that is asked to end does so at once, and goes on where it was when it is started again."""

import time

import pytest

from tests.bot.support.bot_process import BotProcess
from tests.bot.support.conversation import always_true, clip, ordered, result_for
from tests.bot.support.fake_telegram import Telegram
from tests.bot.support.running_bot import Opener

END_SECONDS = 2.0  #: from SIGTERM to the exit


async def running(bot: BotProcess, telegram: Telegram, command: str) -> None:
    """Wait until the stand-in was asked for *command*."""
    await telegram.until(lambda: bot.runs(command), 20, f"{command} to run")


async def test_it_ends_in_two_seconds_says_so_and_goes_on(
    telegram: Telegram, open_bot: Opener
) -> None:
    """With status 0, no process left, and the result after the next start."""
    bot = await open_bot().start().ready()
    ann = telegram.user(7)
    card = await ordered(ann, clip(matte={"seconds": 1.5}))
    await running(bot, telegram, "matte")
    began = time.monotonic()
    ended = await bot.stop()
    assert (ended.code, ended.seconds < END_SECONDS) == (0, True), ended
    assert not bot.children()
    said = [m for m in ann.sees(after=card) if m.edited >= began or m.at >= began]
    assert any("restart" in m.text.lower() for m in said), [m.text for m in ann.sees()]
    await bot.start().ready()
    await result_for(ann, card)
    await always_true(telegram, bot)


async def test_an_idle_bot_ends_at_once(telegram: Telegram, open_bot: Opener) -> None:
    """While it waits for updates, too."""
    bot = await open_bot().start().ready()
    ended = await bot.stop()
    assert (ended.code, ended.seconds < END_SECONDS) == (0, True), ended
    assert not telegram.calls.of("sendMessage")


async def test_a_child_that_ignores_it_is_gone_too(telegram: Telegram, open_bot: Opener) -> None:
    """It dies with the bot."""
    bot = await open_bot().start().ready()
    card = await ordered(telegram.user(7), clip(matte={"fault": "hangs", "times": 1}))
    await running(bot, telegram, "matte")
    ended = await bot.stop()
    assert (ended.code, ended.seconds < END_SECONDS) == (0, True), ended
    await telegram.until(lambda: not bot.children(), 1, "no child")
    await bot.start().ready()
    await result_for(telegram.user(7), card)
    await always_true(telegram, bot)


@pytest.mark.slow
async def test_a_loop_of_restarts_is_told_once(telegram: Telegram, open_bot: Opener) -> None:
    """Five in a row: one notice, one result."""
    bot = await open_bot().start().ready()
    ann = telegram.user(7)
    card = await ordered(ann, clip(matte={"seconds": 6}))
    await running(bot, telegram, "matte")
    for _ in range(4):
        assert (await bot.stop()).code == 0
        await bot.start().ready()
    await result_for(ann, card, within=30)
    notices = [
        call
        for call in telegram.calls.of("sendMessage", "editMessageText", chat=7)
        if "restart" in str(call.arguments.get("text")).lower()
    ]
    assert len(notices) == 1, [call.arguments for call in notices]
    await always_true(telegram, bot)
