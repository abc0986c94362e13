"""Whole talks, from the first word to the video."""

import hashlib
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.telegram.assets import SAMPLE_CLIP
from tests.bot.support.conversation import (
    card_of,
    clip,
    has_ended,
    jobs_of,
    made_of,
    ordered,
    over,
    result_for,
    results,
    words,
)
from tests.bot.support.running_bot import RunningBot

CARD_SECONDS = 2.0  #: from the clip to its card
STOP_SECONDS = 2.0  #: from *Cancel* to where nothing of the job runs


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A red one."""
    path = tmp_path / "red.jpg"
    Image.new("RGB", (64, 64), "red").save(path)
    return path


@pytest.mark.parametrize(("language", "word"), [("en", "video"), ("ru", "видео")])
async def test_from_start_to_video(talk: RunningBot, language: str, word: str) -> None:
    """One clip, one press, one video; in the language of the user's Telegram."""
    user = talk.user(language)
    await user.sends_text("/start")
    hello = await user.gets("animation")
    assert word in hello.text.lower()
    began = time.monotonic()
    sent = await user.sends_video(clip())
    card = await card_of(user, sent)
    assert card.edited - began < CARD_SECONDS or card.at - began < CARD_SECONDS
    await user.presses("^make", card)
    result = await result_for(user, card)
    assert made_of(result.content)["command"] == "edit"
    assert result.media.thumbnail
    assert result.media.cover
    assert result.media.width == result.media.height == 320
    assert result.buttons
    assert result.reply_to == sent.id
    assert not card.buttons
    call = results(talk.telegram, user.chat)[0]
    assert call.arguments["supports_streaming"].lower() == "true"


@pytest.mark.parametrize("way", ["button", "link"])
async def test_the_sample_is_a_clip_like_any_other(talk: RunningBot, way: str) -> None:
    """Two presses after the first word, and nothing has to be sent."""
    user = talk.user()
    asked = await user.sends_text("/start" if way == "button" else "/start sample")
    if way == "button":
        asked = await user.gets("animation")
        await user.presses("^sample", asked)
    card = await card_of(user, asked)
    assert not asked.buttons
    await user.presses("^make", card)
    made = made_of((await result_for(user, card)).content)
    assert made["clip"] == hashlib.sha256(SAMPLE_CLIP.read_bytes()).hexdigest()


async def test_the_welcome_is_uploaded_once(talk: RunningBot) -> None:
    """Afterwards Telegram has it."""
    for _ in range(2):
        user = talk.user()
        await user.sends_text("/start")
        await user.gets("animation")
    assert isinstance(talk.telegram.calls.of("sendAnimation")[-1].arguments["animation"], str)


async def test_a_welcome_without_animations(talk: RunningBot) -> None:
    """Some chats forbid them."""
    user = talk.user()
    talk.telegram.fails(
        "sendAnimation", status=400, description="Bad Request: not enough rights to send animations"
    )
    await user.sends_text("/start")
    assert (await user.gets("text")).has("^sample")


@pytest.mark.parametrize("kind", ["note", "animation", "document"])
async def test_a_clip_may_come_as(talk: RunningBot, kind: str) -> None:
    """A round note, a GIF, or a video file."""
    user = talk.user()
    more = {"name": "../../<b>&.mov", "mime": "video/quicktime"} if kind == "document" else {}
    sent = await getattr(user, f"sends_{kind}")(clip(), **more)
    card = await card_of(user, sent)
    await user.presses("^make", card)
    await result_for(user, card)


async def test_another_language_can_be_chosen(talk: RunningBot) -> None:
    """And is remembered."""
    user = talk.user("en")
    await user.sends_text("/language")
    choice = await user.gets("text", button="Русский")
    await user.presses("Русский", choice)
    await user.sends_text("/start")
    assert "видео" in (await user.gets("animation")).text.lower()


async def test_an_album_is_a_clip_and_its_background(
    talk: RunningBot, picture: Path, tmp_path: Path
) -> None:
    """One card, whose picture lies behind the person."""
    film = tmp_path / "clip.mp4"
    film.write_bytes(clip())
    user = talk.user()
    first, _ = await user.sends_album([film, picture])
    card = await card_of(user, first)
    await user.presses("^make", card)
    result = await result_for(user, card)
    await talk.telegram.quiet()
    assert len(user.sees("photo", after=first)) == 1
    assert behind(result).startswith("--background=/")


async def test_an_album_of_ten_is_one_talk(talk: RunningBot, picture: Path, tmp_path: Path) -> None:
    """Whatever comes first."""
    film = tmp_path / "clip.mp4"
    film.write_bytes(clip())
    user = talk.user()
    first, *_ = await user.sends_album([picture] * 9 + [film])
    card = await card_of(user, first)
    await user.presses("^make", card)
    await result_for(user, card)
    await talk.telegram.quiet()
    assert len(user.sees("photo", after=first)) == 1


async def test_a_background_is_sent_when_it_is_asked_for(talk: RunningBot, picture: Path) -> None:
    """The card asks, takes the picture, and shows it."""
    user = talk.user()
    card = await card_of(user, await user.sends_video(clip()))
    edits = card.edits
    await user.presses("^page:.*:background$", card)
    await talk.telegram.until(lambda: "send:" in str(card.datas), 10, "the page")
    await user.presses("^send:", card)
    asked = await user.gets("text", after=card)
    assert asked.text
    await user.sends_photo(picture)
    await talk.telegram.until(lambda: card.edits > edits and "/" in behind(card), 10, "its picture")
    await user.presses("^make", card)
    assert "--background=/" in words((await result_for(user, card)).content)


def behind(card: Any) -> str:
    """The background with which a card was made."""
    return next((w for w in made_of(card.content)["words"] if "--background" in w), "")


@pytest.mark.parametrize("stage", ["preview", "waiting", "plan", "matte", "edit"])
async def test_cancel_stops_at_once(talk: RunningBot, stage: str) -> None:
    """At every stage: in two seconds nothing of it is left, and a message confirms it."""
    user = talk.user()
    busy = []
    if stage == "waiting":
        busy = [talk.user() for _ in range(2)]
        for other in busy:
            await ordered(other, clip(matte={"seconds": 2}))
    behaviour = {stage: {"seconds": 30}} if stage in {"matte", "edit"} else {}
    behaviour |= {"plan": {"seconds": 30}} if stage == "plan" else {}
    card = await ordered(user, clip(**behaviour))
    status = await user.gets("text", after=card, button="^cancel")
    if stage in {"matte", "edit", "plan"}:
        await talk.telegram.until(lambda: runs_of(talk, user, stage), 10, stage)
    began = time.monotonic()
    await user.presses("^cancel", status)
    await talk.telegram.until(lambda: over(talk.bot, user) == ["cancelled"], 10, "it is over")
    assert time.monotonic() - began < STOP_SECONDS
    await talk.telegram.until(lambda: has_ended(user, card), 10, "a message of the end")
    for other in busy:
        await talk.telegram.until(lambda o=other: over(talk.bot, o) == ["done"], 20, "the others")
    assert not user.sees("video", after=card)


def runs_of(talk: RunningBot, user: Any, command: str) -> list[dict[str, Any]]:
    """The stand-in's runs of what *user* sent."""
    digests = {
        hashlib.sha256(m.content).hexdigest()
        for m in talk.telegram.chats[user.chat].messages.values()
        if m.media and not m.by_bot
    }
    return [run for run in talk.bot.runs(command) if run["clip"] in digests]


async def test_what_is_wrong_is_said_before_a_download(talk: RunningBot) -> None:
    """Too big, too long, or no video at all; nothing is fetched."""
    user = talk.user()
    big = await user.sends_video(clip(), size=21_000_000)
    answer = await user.gets("text", after=big)
    assert "20" in answer.text
    assert "link" in answer.text.lower()
    long = await user.sends_video(clip(), seconds=36_001)
    assert (await user.gets("text", after=long)).text
    for sending in (
        user.sends_document(b"%PDF", name="a.pdf", mime="application/pdf"),
        user.sends_sticker(b"webp"),
        user.sends_raw(voice={"file_id": "v", "file_unique_id": "v", "duration": 3}),
        user.sends_raw(location={"latitude": 1, "longitude": 2}),
        user.sends_text("what is this?"),
    ):
        sent = await sending
        assert (await user.gets("text", after=sent)).text
    await talk.telegram.quiet()
    paths = [call.arguments["path"] for call in talk.telegram.calls.of("file")]
    ids = {m.media.file_id for m in talk.telegram.chats[user.chat].messages.values() if m.media}
    assert not [path for path in paths if path.rpartition("/")[2] in ids]


@pytest.mark.parametrize("reason", ["no_person", "corrupt", "not_a_video", "too_long"])
async def test_a_clip_that_cannot_be_used_is_told_of(talk: RunningBot, reason: str) -> None:
    """In words, with the first picture; no card and no job."""
    user = talk.user()
    sent = await user.sends_video(clip(preview={"fault": "rejects", "reason": reason}))
    answer = await user.gets("text", after=sent, where=lambda m: m.edits)
    assert "Traceback" not in answer.text
    assert not user.sees("photo", after=sent)


async def test_a_job_that_fails_says_so_once(talk: RunningBot) -> None:
    """With a reason, and without a video."""
    user = talk.user()
    card = await ordered(user, clip(edit={"fault": "rejects", "reason": "no_person"}))
    await talk.telegram.until(lambda: over(talk.bot, user) == ["failed"], 20, "it fails")
    await talk.telegram.until(lambda: has_ended(user, card), 10, "a message of the end")
    assert not user.sees("video", after=card)


@pytest.mark.slow
async def test_one_that_breaks_our_tools_is_given_up(talk: RunningBot) -> None:
    """After three attempts; the next one is done."""
    user = talk.user()
    card = await ordered(user, clip(edit={"fault": "dies"}))
    await talk.telegram.until(lambda: over(talk.bot, user) == ["failed"], 40, "it is given up")
    assert 1 < len(runs_of(talk, user, "edit")) <= 6
    assert has_ended(user, card)
    await result_for(user, await ordered(user, clip()))


async def test_four_at_once_and_no_more(talk: RunningBot) -> None:
    """One runs, three wait, the fifth is refused politely; all four come, in order."""
    user = talk.user()
    sent, cards = [], []
    for _ in range(5):
        sent.append(await user.sends_video(clip(matte={"seconds": 0.3})))
        cards.append(await card_of(user, sent[-1]))
        talk.bot.end_series()
    for card in cards[:4]:
        await user.presses("^make", card)
    await talk.telegram.until(lambda: len(jobs_of(talk.bot, user)) == 4, 10, "four")
    press = await user.presses("^make", cards[4])
    refused = await press.answered()
    assert refused or user.sees("text", after=cards[4])
    await talk.telegram.until(lambda: len(user.sees("video", after=0)) == 4, 30, "four videos")
    assert [m.reply_to for m in user.sees("video", after=0)] == [m.id for m in sent[:4]]
