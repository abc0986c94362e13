"""Every button of a card and of a result, pressed, and what it makes of the picture."""

import re

import pytest

from tests.bot.support.conversation import (
    card_of,
    clip,
    jobs_of,
    ordered,
    result_for,
    settled,
    words,
)
from tests.bot.support.fake_telegram import Message
from tests.bot.support.running_bot import RunningBot

#: what the program is asked for after a press, by a part of what the button sends
CARD = {
    "^shape:.*:rect$": "--shape=rect",
    "^shape:.*:rounded$": "--shape=rounded",
    "^shape:.*:circle$": "!--shape",
    "^corner:.*:top-left$": "--position=top-left",
    "^corner:.*:top-right$": "--position=top-right",
    "^corner:.*:center$": "--position=center",
    "^corner:.*:bottom-left$": "--position=bottom-left",
    "^corner:.*:bottom-right$": "!--position=bottom-left",
    "^size:.*:small$": "--size=0.35",
    "^size:.*:large$": "--size=0.75",
    "^size:.*:medium$": "--size=0.5",
    "^engine:.*:auto$": "!--engine=auto",  # which would take too long for a card
    "^engine:.*:mediapipe$": "!--engine=auto",
}
RINGS = {
    "^ring:.*:white$": "--ring=0.02",
    "^ring:.*:black$": "--ring-colou?r=black",
    "^ring:.*:gold$": "--ring-colou?r=#d4a017",
    "^ring:.*:none$": "!--ring",
}
BACKGROUNDS = {
    "^colour:.*:black$": "--background[= ]#101010",
    "^colour:.*:white$": "--background[= ]#ffffff",
    "^blur:": "--background[= ]blur",
    "^colour:.*:red$": "--background[= ]#c1121f",
    "^colour:.*:navy$": "--background[= ]#1d3557",
}


async def pressed(talk: RunningBot, card: Message, presses: dict[str, str], page: str = "") -> None:
    """Press each in turn; the card is drawn anew with what it means, and marks it."""
    user = talk.telegram.users[card.chat]
    for button, meant in presses.items():
        if page and not card.has(button):
            await turned(talk, card, f"^page:.*:{page}$")
        pushed = card.button(button)
        await user.presses(button, card)

        def drawn(meant: str = meant, data: str = pushed.data) -> bool:
            shown = re.search(meant.removeprefix("!"), words(card.content)) is not None
            marked = next((label for label, d in texts(card) if d == data), "✓")
            return shown is not meant.startswith("!") and marked.startswith("✓")

        await talk.telegram.until(drawn, 10, f"{button}: {meant}, not {words(card.content)}")


def texts(message: Message) -> list[tuple[str, str]]:
    """What its buttons say and send."""
    return [(button.text, button.data) for row in message.buttons for button in row]


async def turned(talk: RunningBot, card: Message, to: str) -> None:
    """Turn to another page, through the first one."""
    user = talk.telegram.users[card.chat]
    if not card.has(to):
        await turned(talk, card, "^page:.*:first$")
    before = texts(card)
    await user.presses(to, card)
    await talk.telegram.until(lambda: texts(card) != before, 10, f"the page {to}")


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_every_button_of_a_card(talk: RunningBot, language: str) -> None:
    """Shape, corner, size, engine, ring, background; and then the video is as the card was."""
    user = talk.user(language)
    card = await card_of(user, await user.sends_video(clip()))
    await pressed(talk, card, CARD)
    await pressed(talk, card, RINGS, page="ring")
    await pressed(talk, card, BACKGROUNDS, page="background")
    await pressed(talk, card, {"^shape:.*:none$": "--shape=none"}, page="first")
    labels = " ".join(card.labels)
    assert bool(re.search("[\u0430-\u044f]", labels)) is (language == "ru")
    assert bool(re.search("[A-Za-z]", labels)) is (language == "en")
    shown = chosen(words(card.content))
    await user.presses("^make", card)
    assert chosen(words((await result_for(user, card)).content)) == shown
    assert "--engine=mediapipe" in str(talk.bot.runs("plan")[-1]["words"])


def chosen(line: str) -> set[str]:
    """Of a command line, what a card decides."""
    names = (
        "--shape",
        "--position",
        "--size",
        "--ring",
        "--background",
        "--shadow",
        "--fade",
        "--feather",
    )
    joined = re.sub(r"(--[\w-]+) (?!--)", r"\1=", line)
    return {word for word in joined.split() if word.startswith(names)}


async def test_many_presses_are_drawn_once_or_twice(talk: RunningBot) -> None:
    """The last one counts."""
    user = talk.user()
    card = await card_of(user, await user.sends_video(clip(preview={"seconds": 0.4})))
    before = len(talk.bot.runs("preview"))
    for corner in ("top-left", "top-right", "center", "bottom-left", "top-left", "top-right"):
        await user.presses(f"^corner:.*:{corner}$", card)
    await talk.telegram.until(
        lambda: "--position=top-right" in words(card.content), 10, "the last one"
    )
    await talk.telegram.quiet(0.6)
    assert len(talk.bot.runs("preview")) - before <= 3
    assert "--position=top-right" in words(card.content)


@pytest.mark.parametrize(
    ("form", "kind", "meant"),
    [
        ("note", "video_note", "--form=note"),
        ("animation", "animation", "--form=animation"),
        ("sticker", "document", "--container=sticker"),
        ("webm", "document", "--container=webm"),
        ("mov", "document", "--container=mov"),
    ],
)
async def test_another_form_of_a_result(talk: RunningBot, form: str, kind: str, meant: str) -> None:
    """It comes from the same mattes, and can be pressed twice without harm."""
    user = talk.user()
    result = await result_for(user, await ordered(user, clip()))
    await settled(talk.bot, user)
    cut = len(talk.bot.runs("matte"))
    button = f"^again:.*:{form}$"
    await user.presses(button, result)
    await user.presses(button, result)
    other = await user.gets(kind, after=result, within=20)
    assert meant in words(other.content)
    assert len(talk.bot.runs("matte")) == cut
    await talk.telegram.quiet(0.6)
    assert len(user.sees(kind, after=result)) == 1
    await talk.telegram.until(lambda: len(jobs_of(talk.bot, user)) == 2, 5, "two jobs")


async def test_another_shape_and_corner_of_a_result(talk: RunningBot) -> None:
    """On pages of their own, from the same mattes."""
    user = talk.user()
    result = await result_for(user, await ordered(user, clip()))
    await settled(talk.bot, user)
    cut = len(talk.bot.runs("matte"))
    await turned(talk, result, "^more:.*:shape$")
    await user.presses("^reshape:.*:rounded$", result)
    other = await result_for(user, result)
    assert "--shape=rounded" in words(other.content)
    await settled(talk.bot, user)
    await turned(talk, other, "^more:.*:corner$")
    await user.presses("^move:.*:top-left$", other)
    third = await result_for(user, other)
    assert {"--shape=rounded", "--position=top-left"} <= chosen(words(third.content))
    assert len(talk.bot.runs("matte")) == cut


async def test_the_look_is_remembered_and_forgotten(talk: RunningBot) -> None:
    """A second clip begins as the first ended; /style shows that, and a button resets it."""
    user = talk.user()
    card = await card_of(user, await user.sends_video(clip()))
    await pressed(talk, card, {"^shape:.*:rounded$": "--shape=rounded"})
    talk.bot.end_series()
    again = await card_of(user, await user.sends_video(clip()))
    assert "--shape=rounded" in words(again.content)
    await user.sends_text("/style")
    style = await user.gets("photo", "Rounded", where=lambda m: m.has("^reset"))
    await user.presses("^reset", style)
    await talk.telegram.until(lambda: style.edits or user.sees("text", after=style), 10, "a word")
    talk.bot.end_series()
    third = await card_of(user, await user.sends_video(clip()))
    assert "--shape" not in words(third.content)


async def test_a_result_can_be_pressed_at_once(talk: RunningBot) -> None:
    """In the moment in which it comes, before we have written down that it did."""
    user = talk.user()
    result = await result_for(user, await ordered(user, clip()))
    await user.presses("^again:.*:note$", result)
    await user.gets("video_note", after=result)
