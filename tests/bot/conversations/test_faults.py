"""Talks in which Telegram fails, or people do what they should not."""

import asyncio
import time
from typing import Any

import pytest

from tests.bot.support.conversation import (
    always_true,
    card_of,
    clip,
    jobs_of,
    ordered,
    over,
    result_for,
    results,
)
from tests.bot.support.fake_telegram import Message, Rates, Telegram, User
from tests.bot.support.running_bot import ADMIN, Opener, RunningBot

NAME = "overlay_test_bot"


@pytest.mark.slow
async def test_progress_is_dropped_while_a_chat_wants_quiet(talk: RunningBot) -> None:
    """After a 429 on an edit nothing is sent to that chat before the time is over."""
    user = talk.user()
    fault = talk.telegram.fails(
        "editMessageText", chat=user.chat, status=429, retry_after=2, when=over_card
    )
    card = await ordered(user, clip(matte={"seconds": 5}))
    hit = await talk.telegram.until(
        lambda: next((c for c in talk.telegram.calls.of(chat=user.chat) if c.status == 429), None),
        20,
        "a 429",
    )
    assert fault.hit == 1
    await result_for(user, card)
    soon = [
        c
        for c in talk.telegram.calls.of("editMessageText", "sendMessage", chat=user.chat)
        if hit.ended < c.at < hit.ended + 1.9
    ]
    assert not soon, [c.method for c in soon]


def over_card(call: Any) -> bool:
    """Whether an edit is of a job's progress."""
    return "%" in str(call.arguments.get("text"))


@pytest.mark.slow
async def test_a_result_waits_as_long_as_telegram_wants(
    telegram: Telegram, open_bot: Opener
) -> None:
    """Longer than a process lives; then it comes once."""
    bot = await open_bot().start().ready()
    user = telegram.user(7)
    fault = telegram.fails("sendVideo", status=429, retry_after=40, times=1)
    card = await ordered(user, clip())
    await telegram.until(lambda: fault.hit, 20, "the 429")
    asked = time.monotonic()
    await asyncio.sleep(1)
    bot.kill()
    await bot.start().ready()
    await result_for(user, card, within=60)
    assert len(results(telegram, user.chat)) == 1
    sends = [c for c in telegram.calls.of("sendVideo") if c.at > asked]
    assert sends[0].at > asked + 38
    await always_true(telegram, bot)


@pytest.mark.parametrize("how", [{"status": 500}, {"status": 502}, {"drop": "before"}])
async def test_a_result_is_sent_again(talk: RunningBot, how: dict[str, Any]) -> None:
    """When Telegram failed, it comes once."""
    user = talk.user()
    fault = talk.telegram.fails("sendVideo", chat=user.chat, **how)
    await result_for(user, await ordered(user, clip()), within=40)
    assert fault.hit == 1
    assert len(results(talk.telegram, user.chat)) == 1


async def test_a_doubtful_result_comes_twice_at_most(telegram: Telegram, open_bot: Opener) -> None:
    """Telegram took it, and the connection broke before its answer."""
    bot = await open_bot().start().ready()
    user = telegram.user(7)
    telegram.fails("sendVideo", chat=user.chat, drop="after")
    await result_for(user, await ordered(user, clip()), within=40)
    await telegram.until(lambda: over(bot, user) == ["done"], 30, "it is done")
    assert 1 <= len(results(telegram, user.chat)) <= 2
    await always_true(telegram, bot, twice=1)


@pytest.mark.slow
async def test_a_status_that_was_deleted_is_sent_anew(talk: RunningBot) -> None:
    """And the job goes on."""
    user = talk.user()
    card = await ordered(user, clip(matte={"seconds": 9}))
    status = await user.gets("text", after=card, button="^cancel")
    status.deleted = True
    again = await user.gets("text", after=status, button="^cancel", within=10)
    assert again.id != status.id
    await result_for(user, card)


async def test_an_answer_that_comes_too_late_is_no_harm(talk: RunningBot) -> None:
    """The press counts all the same."""
    user = talk.user()
    card = await card_of(user, await user.sends_video(clip()))
    user.query_seconds = -1
    await user.presses("^make", card)
    await result_for(user, card)


async def test_who_blocks_the_bot_is_left_alone(telegram: Telegram, open_bot: Opener) -> None:
    """The job is over, the work stops, and retries end soon."""
    bot = await open_bot().start().ready()
    user = telegram.user(7)
    await ordered(user, clip(matte={"seconds": 30}))
    await telegram.until(lambda: bot.runs("matte"), 20, "mattes")
    await user.blocks()
    await telegram.until(lambda: over(bot, user), 15, "it is over")
    await telegram.until(lambda: not bot.children(), 5, "the work stops")
    tried = [c for c in telegram.calls.of(chat=user.chat) if c.status == 403]
    assert 1 <= len(tried) <= 3
    await always_true(telegram, bot)


async def test_a_group_that_moved_is_followed(talk: RunningBot) -> None:
    """To its new id, after a single call to the old one."""
    user = talk.user()
    (inside,) = talk.telegram.group(-user.id, user)
    sent = await inside.sends_video(clip(matte={"seconds": 2}), f"@{NAME}")
    card = await card_of(inside, sent)
    await inside.presses("^make", card)
    await inside.gets("text", after=card, button="^cancel")
    talk.telegram.group(-1_000_000 - user.id, user)
    talk.telegram.chats[-user.id].moved = -1_000_000 - user.id
    await talk.telegram.until(
        lambda: results(talk.telegram, -1_000_000 - user.id), 20, "a result in the new group"
    )
    assert not inside.sees("video", after=card)
    failed = [call for call in talk.telegram.calls.of(chat=-user.id) if call.status == 400]
    assert len(failed) == 1, [call.method for call in failed]


async def test_an_update_that_comes_again_makes_one_job(
    telegram: Telegram, open_bot: Opener
) -> None:
    """Five times at once, and once more after a restart."""
    bot = await open_bot().start().ready()
    user = telegram.user(7)
    sent = await user.sends_video(clip())
    for _ in range(4):
        telegram.push(message=telegram.as_api(sent))
    card = await card_of(user, sent)
    for _ in range(5):
        await user.presses("^make", card)
    await result_for(user, card)
    await bot.stop()
    telegram.push(message=telegram.as_api(sent))
    await bot.start().ready()
    await telegram.quiet(1)
    assert len(user.sees("photo", after=sent)) == 1
    assert len(results(telegram, user.chat)) == 1
    await always_true(telegram, bot)


async def test_an_edited_message_is_no_second_clip(talk: RunningBot) -> None:
    """Nor is a forwarded one anything but a clip."""
    user = talk.user()
    sent = await user.sends_video(clip(), "look")
    await card_of(user, sent)
    await user.edits(sent, "look at that")
    await talk.telegram.quiet(0.6)
    assert len(user.sees("photo", after=sent)) == 1


async def test_two_that_poll_give_way_to_each_other(talk: RunningBot) -> None:
    """It works on meanwhile, and hears of news again."""
    user = talk.user()
    card = await ordered(user, clip(matte={"seconds": 1}))
    for _ in range(5):
        talk.telegram.soon(talk.telegram.updates.disturb)
        await asyncio.sleep(0.1)
    await result_for(user, card)
    await user.sends_text("/help")
    await user.gets("text", within=30)
    assert talk.bot.alive


@pytest.mark.slow
async def test_telegram_away_for_a_while(telegram: Telegram, open_bot: Opener) -> None:
    """Work goes on, and what it made comes when Telegram is back."""
    bot = await open_bot().start().ready()
    user = telegram.user(7)
    card = await ordered(user, clip(matte={"seconds": 1}))
    await telegram.until(lambda: bot.runs("matte"), 20, "mattes")
    telegram.down = True
    await telegram.until(lambda: bot.runs("edit"), 20, "the work goes on")
    await asyncio.sleep(1)
    assert bot.alive
    telegram.heals()
    await result_for(user, card, within=60)
    await always_true(telegram, bot)


async def test_six_clips_that_are_too_large_are_refused_once(talk: RunningBot) -> None:
    """They come one by one, as clips that are forwarded together do."""
    user = talk.user()
    first, *_ = [await user.sends_video(clip(), size=40_000_000) for _ in range(6)]
    assert "40 MB" in (await user.gets("text", after=first)).text
    await talk.telegram.quiet()
    assert len(user.sees(after=first)) == 1


async def test_the_second_of_two_links_is_answered(talk: RunningBot) -> None:
    """Nothing that is sent is passed over in silence."""
    user = talk.user()
    sent = await user.sends_text("http://127.0.0.1/a.mp4 http://127.0.0.1/b.mp4")
    await user.gets("text", "several links", after=sent)


async def test_a_sticker_that_is_shown_as_a_file_has_a_name_and_a_sentence(
    talk: RunningBot,
) -> None:
    """Telegram shows a WebM as a sticker only where it belongs to a set."""
    user = talk.user()
    result = await result_for(user, await ordered(user, clip()))
    await user.presses("^again:.*:sticker$", result)
    sticker = await user.gets("document", "@Stickers", after=result, within=20)
    assert sticker.media is not None
    assert sticker.media.name.endswith(".webm")
    assert sticker.has("^again:")


async def test_privacy_mode_is_told_to_admins_and_make_works(
    telegram: Telegram, open_bot: Opener
) -> None:
    """Once, however often the bot starts; a mention does not arrive, /make does."""
    telegram.me["can_read_all_group_messages"] = False
    admin, user = telegram.user(ADMIN), telegram.user(7)
    (inside,) = telegram.group(-7, user)
    bot = await open_bot().start().ready()
    await admin.gets("text", "/setprivacy")
    await bot.stop()
    await bot.start().ready()
    await inside.sends_video(clip(), f"@{NAME}")
    sent = await inside.sends_video(clip(), "/make")
    await result_for(inside, await press_make(inside, await card_of(inside, sent)))
    assert len(inside.sees("photo", after=0)) == 1
    assert len(admin.sees("text", "/setprivacy", after=0)) == 1
    await always_true(telegram, bot)


async def press_make(user: User, card: Message) -> Message:
    """Order the result of a card; gives the card."""
    await user.presses("^make", card)
    return card


async def test_direct_messages_of_a_channel_are_answered_in_their_topic(talk: RunningBot) -> None:
    """Card, progress, result and variants; Telegram refuses what names no topic."""
    user = talk.user()
    (inside,) = talk.telegram.channel(-user.id, user)
    card = await card_of(inside, await inside.sends_video(clip(), f"@{NAME}"))
    result = await result_for(inside, await press_make(inside, card))
    await inside.presses("^again:.*:note$", result)
    await inside.gets("video_note", after=result, within=20)
    sent = [message for message in talk.telegram.transcript(-user.id) if message.by_bot]
    assert {message.direct_topic for message in sent} == {user.id}


async def test_nonsense_among_the_updates_is_skipped(talk: RunningBot) -> None:
    """Unknown kinds, and messages of no shape."""
    talk.telegram.push(a_kind_of_next_year={"x": 1})
    talk.telegram.push(message={"bogus": True})
    talk.telegram.push(callback_query={"id": "1"})
    user = talk.user()
    await user.sends_text("/help")
    await user.gets("text")


async def test_names_with_tags_are_told_as_they_are(talk: RunningBot) -> None:
    """They are escaped; a file's name is never a path."""
    user = talk.user(name='<b>&"')
    await user.sends_text("/help")
    await user.gets("text")
    sent = await user.sends_document(clip(), name='../../<b>&".mp4', mime="video/mp4")
    card = await card_of(user, sent)
    await user.presses("^make", card)
    await result_for(user, card)


async def test_a_chat_that_takes_one_message_a_second_gets_all(talk: RunningBot) -> None:
    """The bot obeys limits by waiting."""
    talk.telegram.rates = Rates(chat=(2, 2.0))
    user = talk.user()
    await result_for(user, await ordered(user, clip(matte={"seconds": 2}), within=30), within=40)


async def test_a_button_of_somebody_else_does_nothing(talk: RunningBot) -> None:
    """In a group, where everybody sees it."""
    owner, other = talk.user(), talk.user()
    inside, stranger = talk.telegram.group(-owner.id, owner, other)
    card = await card_of(inside, await inside.sends_video(clip(matte={"seconds": 2}), f"@{NAME}"))
    for data in card.datas:
        press = await stranger.forges(data, card)
        assert await press.answered()
    await talk.telegram.quiet()
    assert not jobs_of(talk.bot, other)
    assert card.edits <= 1
    await inside.presses("^make", card)
    status = await inside.gets("text", after=card, button="^cancel")
    press = await stranger.forges(status.button("^cancel").data, status)
    assert await press.answered()
    await result_for(inside, card)


async def test_a_button_that_is_pressed_again_does_nothing(talk: RunningBot) -> None:
    """A card makes one job, however often it is pressed."""
    user = talk.user()
    card = await card_of(user, await user.sends_video(clip()))
    datas = list(card.datas)
    await user.presses("^make", card)
    await result_for(user, card)
    for data in datas:
        await (await user.forges(data, card)).answered()
    await talk.telegram.quiet()
    assert len(results(talk.telegram, user.chat)) == 1
    assert not card.buttons


@pytest.mark.parametrize(
    "data", ["", "x", "make:", "make:nothing", "\x00" * 64, "ж" * 32, "adm:off:1", "9" * 64]
)
async def test_a_forged_button_is_answered(talk: RunningBot, data: str) -> None:
    """Whatever it sends, and nothing is done."""
    user = talk.user()
    await user.sends_text("/help")
    message = await user.gets("text")
    press = await user.forges(data or "?", message)
    await press.answered()
    assert not jobs_of(talk.bot, user)


async def test_a_banned_user_is_not_answered(talk: RunningBot) -> None:
    """Neither a message nor a press; a job that runs ends. Then all is as before."""
    user, admin = talk.user(), talk.telegram.users[ADMIN]
    card = await ordered(user, clip(matte={"seconds": 30}))
    await talk.telegram.until(lambda: jobs_of(talk.bot, user), 10, "a job")
    sent = await admin.sends_text(f"/ban {user.id}")
    await admin.gets("text", "is banned", after=sent)
    await talk.telegram.until(lambda: over(talk.bot, user) == ["cancelled"], 15, "its end")
    await talk.telegram.quiet()
    after = await user.sends_text("/help")
    await user.forges("^make", card)
    await talk.telegram.quiet(0.6)
    assert not user.sees(after=after)
    sent = await admin.sends_text(f"/unban {user.id}")
    await admin.gets("text", "not banned", after=sent)
    after = await user.sends_text("/help")
    await user.gets("text", after=after)


async def test_an_admin_who_never_wrote_keeps_nobody_from_a_menu(
    telegram: Telegram, open_bot: Opener
) -> None:
    """Telegram knows no chat with that admin; the others have their menus."""
    telegram.user(8)
    await open_bot(ADMIN_IDS="7,8").start().ready()
    await telegram.until(lambda: {"/", "/ru", "8/", "8/ru"} <= set(telegram.commands), 10, "menus")
    assert not any(key.startswith("7/") for key in telegram.commands)


async def test_a_stranger_is_no_admin(talk: RunningBot) -> None:
    """By id alone, in every kind of chat; in a group a command names the bot."""
    user = talk.user()
    (inside,) = talk.telegram.group(-user.id, user)
    for who, name in ((user, ""), (inside, "@overlay_test_bot")):
        for command in ("/backend", "/backend", "/stats", "/queue"):
            sent = await who.sends_text(f"{command}{name}")
            answer = await who.gets("text", after=sent)
            assert "local-cpu" not in answer.text
    admin = talk.telegram.users[ADMIN]
    sent = await admin.sends_text("/backend")
    assert "local-cpu" in (await admin.gets("text", after=sent)).text
