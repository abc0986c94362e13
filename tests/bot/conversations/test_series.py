"""Several clips: one preview, one press, one status message."""

import asyncio
from pathlib import Path

import pytest
from PIL import Image

from tests.bot.support.conversation import (
    MAKE,
    all_over,
    always_true,
    card_of,
    clip,
    jobs_of,
    results,
    words,
)
from tests.bot.support.fake_telegram import Message, Telegram, User
from tests.bot.support.running_bot import Opener, RunningBot


def write_clips(folder: Path, *behaviours: dict[str, dict[str, object]]) -> list[Path]:
    """Clips for an album, which go as *behaviours* say."""
    paths = [folder / f"{number}.mp4" for number, _ in enumerate(behaviours)]
    for path, behaviour in zip(paths, behaviours, strict=True):
        path.write_bytes(clip(**behaviour))
    return paths


async def finish(telegram: Telegram, user: User, count: int) -> list[Message]:
    """Wait for so many results; return them in the order in which they came."""
    await telegram.until(lambda: len(user.sees("video")) == count, 40, "all results")
    return user.sees("video")


async def test_an_album_of_clips_needs_one_press(talk: RunningBot, tmp_path: Path) -> None:
    """Over its picture; of one that fails the end tells; *Change* opens the card of one clip."""
    user, picture = talk.user(), tmp_path / "red.jpg"
    Image.new("RGB", (64, 64), "red").save(picture)
    clips = write_clips(tmp_path, {}, {"matte": {"fault": "rejects"}}, {})
    sent = await user.sends_album([*clips, picture])
    card = await card_of(user, sent[0])
    assert "All 3 videos" in card.text
    await user.presses(MAKE, card)
    first, third = await finish(talk.telegram, user, 2)
    assert (first.reply_to, third.reply_to) == (sent[0].id, sent[2].id)
    assert "--background=/" in words(first.content)
    assert "--background=/" in words(third.content)
    end = await user.gets("text", "Ready: 2 of 3", after=card)
    assert "Video 2:" in end.text
    await talk.telegram.quiet()
    assert user.sees("text", after=card) == [end]  # the status message is gone
    shown = [
        call.arguments["text"]
        for call in talk.telegram.calls.of("sendMessage", "editMessageText", chat=user.chat)
    ]
    assert any(text.startswith("🎞 <b>Video ") for text in shown)
    await user.presses("^edit:", third)
    changed = await card_of(user, third)
    assert changed.reply_to == sent[2].id
    assert "All " not in changed.text


async def test_clips_that_follow_each_other_share_a_card(talk: RunningBot) -> None:
    """Until the user wants a card for each."""
    user = talk.user()
    first, second = [await user.sends_video(clip()) for _ in range(2)]
    card = await card_of(user, first)
    await talk.telegram.until(lambda: "All 2 videos" in card.text, 10, "both clips")
    assert user.sees("photo", after=first) == [card]
    await user.presses("^apart:", card)
    other = await user.gets("photo", after=card, where=lambda m: m.reply_to == second.id)
    await talk.telegram.until(lambda: "All " not in card.text, 10, "one clip")
    for one in (card, other):
        await user.presses(MAKE, one)
    await finish(talk.telegram, user, 2)


@pytest.mark.slow
async def test_kill_in_the_middle_of_a_series(
    telegram: Telegram, open_bot: Opener, database: dict[str, str], tmp_path: Path
) -> None:
    """Again and again: each result comes, in order, and nothing is left."""
    bot, user = open_bot(**database), telegram.user(70)
    await bot.start().ready()
    sent = await user.sends_album(write_clips(tmp_path, *[{"matte": {"seconds": 0.4}}] * 4))
    card = await card_of(user, sent[0])
    await user.presses(MAKE, card)
    await telegram.until(lambda: len(jobs_of(bot, user)) == 4, 10, "the jobs")
    for pause in (0.0, 0.3, 0.6, 0.9, 1.2):
        await asyncio.sleep(pause)
        bot.kill()
        await bot.start().ready()
    rows = await all_over(bot, 60)
    assert [row["state"] for row in rows] == ["done"] * 4
    replies = [message.reply_to for message in user.sees("video", after=card)]
    assert list(dict.fromkeys(replies)) == [message.id for message in sent]
    assert len(results(telegram, user.chat)) <= 5
    await always_true(telegram, bot, twice=1)
