"""The bot behind a webhook, as on a platform with a public address."""

import asyncio
from typing import Any

import pytest

from tests.bot.support.bot_process import SECRET, WEBHOOK
from tests.bot.support.conversation import (
    always_true,
    card_of,
    clip,
    hooked,
    ordered,
    result_for,
    results,
    settled,
)
from tests.bot.support.fake_telegram import Telegram, User
from tests.bot.support.running_bot import Opener


@pytest.fixture
def ann(telegram: Telegram) -> User:
    """A user."""
    return telegram.user(7)


async def test_a_whole_talk(telegram: Telegram, open_bot: Opener, ann: User) -> None:
    """From a clip to a video, without a single poll."""
    bot = await hooked(telegram, open_bot(WEBHOOK_URL=WEBHOOK, WEBHOOK_SECRET=SECRET))
    await result_for(ann, await ordered(ann, clip()))
    assert not telegram.calls.of("getUpdates")
    assert telegram.updates.webhook["secret_token"] == SECRET
    assert {status for _, status, _ in telegram.updates.posted} == {200}
    await always_true(telegram, bot)


async def test_updates_that_come_five_times_make_one_job(
    telegram: Telegram, open_bot: Opener, ann: User
) -> None:
    """At once, one after the other, and after a restart."""
    bot = await hooked(telegram, open_bot(WEBHOOK_URL=WEBHOOK, WEBHOOK_SECRET=SECRET))
    sent = await ann.sends_video(clip())
    message: dict[str, Any] = {"update_id": 900_000, "message": telegram.as_api(sent)}
    await asyncio.gather(*(telegram.post(message) for _ in range(4)))
    card = await card_of(ann, sent)
    press = await ann.presses("^make", card)
    again = {"update_id": 900_001, "callback_query": telegram.pressed[press.id]}
    await asyncio.gather(*(telegram.post(again) for _ in range(4)))
    await result_for(ann, card)
    await settled(bot, ann)  # else the result may be sent again after the restart
    await bot.stop()
    await bot.start().ready()
    assert await telegram.post(message) == await telegram.post(again) == 200
    await telegram.quiet(1)
    assert len(ann.sees("photo", after=sent)) == 1
    assert len(results(telegram, ann.chat)) == len(bot.rows("SELECT id FROM jobs")) == 1
    await always_true(telegram, bot)


@pytest.mark.parametrize("secret", ["", "wrong", SECRET[:-1]])
async def test_who_does_not_know_the_secret_is_sent_away(
    telegram: Telegram, open_bot: Opener, ann: User, secret: str
) -> None:
    """With 401; nothing is done, and nothing of it is logged."""
    bot = await hooked(telegram, open_bot(WEBHOOK_URL=WEBHOOK, WEBHOOK_SECRET=SECRET))
    forged = {
        "message_id": 5,
        "date": 1,
        "chat": {"id": 7, "type": "private"},
        "from": ann.as_api(),
        "text": "canary of a forger",
    }
    assert await telegram.post({"update_id": 1, "message": forged}, secret) == 401
    await telegram.quiet()
    assert not telegram.calls.of("sendMessage")
    assert "canary of a forger" not in bot.log


async def test_it_does_not_start_without_a_secret(open_bot: Opener) -> None:
    """Otherwise anybody could post updates; one line says so."""
    bot = open_bot(WEBHOOK_URL=WEBHOOK, real=True).start()
    assert await bot.ended(30) != 0
    lines = [line for line in bot.log.splitlines() if line.strip()]
    assert len(lines) == 1
    assert "WEBHOOK_SECRET" in lines[0]


async def test_a_webhook_that_was_down_gets_what_it_missed(
    telegram: Telegram, open_bot: Opener, ann: User
) -> None:
    """Telegram tries again, and the talk goes on."""
    bot = await hooked(telegram, open_bot(WEBHOOK_URL=WEBHOOK, WEBHOOK_SECRET=SECRET))
    bot.kill()
    sent = await ann.sends_video(clip())
    await asyncio.sleep(0.5)
    await bot.start().ready()
    card = await card_of(ann, sent)
    await ann.presses("^make", card)
    await result_for(ann, card)
    await always_true(telegram, bot)
