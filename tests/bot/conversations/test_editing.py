"""What the pages of a card offer beyond its first one, from the press to the video."""

import re

import pytest

from tests.bot.conversations.test_buttons import chosen, texts, turned
from tests.bot.support.conversation import card_of, clip, ordered, result_for, settled, words
from tests.bot.support.fake_telegram import Message
from tests.bot.support.running_bot import RunningBot
from video_editing.contract.style import Anchor

LANGUAGES = pytest.mark.parametrize("language", ["en", "ru"])


async def shows(talk: RunningBot, card: Message, meant: str) -> None:
    """Wait until the card is drawn with *meant*, a pattern; "!" means without it."""

    def drawn() -> bool:
        found = re.search(meant.removeprefix("!"), words(card.content)) is not None
        return found is not meant.startswith("!")

    await talk.telegram.until(drawn, 10, f"{meant}, not {words(card.content)}")


async def opened(talk: RunningBot, card: Message, page: str) -> None:
    """Open a page that *More* leads to."""
    await turned(talk, card, "^page:.*:more$")
    await turned(talk, card, f"^page:.*:{page}$")


def in_language(message: Message, language: str) -> bool:
    """Whether its text and its buttons are in that language."""
    said = " ".join([message.text, *message.labels]).replace("GIF", "")
    return bool(re.search("[\u0430-\u044f]", said)) is (language == "ru")


@LANGUAGES
async def test_a_clip_is_trimmed_by_buttons(talk: RunningBot, language: str) -> None:
    """The page stays, its times move at once, and the video has that part."""
    user = talk.user(language)
    card = await card_of(user, await user.sends_video(clip(), seconds=42))
    await opened(talk, card, "trim")
    assert in_language(card, language)
    await user.presses("^trim:.*:start:5$", card)
    await talk.telegram.until(lambda: "⏮ 0:05" in card.labels, 5, "the start at once")
    await user.presses("^trim:.*:end:-1$", card)
    await shows(talk, card, "--start=5.0 --end=41.0")
    assert {"⏮ 0:05", "⏭ 0:41"} <= set(card.labels)
    assert "0:05–0:41" in card.text
    await user.presses("^make", card)
    result = await result_for(user, card)
    assert "--start=5.0 --end=41.0" in words(result.content)
    assert "--start=5.0 --end=41.0" in str(talk.bot.runs("plan")[-1]["words"]).replace("', '", " ")


@LANGUAGES
async def test_a_clip_is_trimmed_by_two_times(talk: RunningBot, language: str) -> None:
    """Sent as they are, or asked for by a button; what is none is explained."""
    user = talk.user(language)
    card = await card_of(user, await user.sends_video(clip(), seconds=60))
    said = await user.gets("text", "0:05–0:42", after=await user.sends_text("0:05–0:42"))
    assert in_language(said, language)
    await shows(talk, card, "--start=5.0 --end=42.0")
    await opened(talk, card, "trim")
    await user.presses("^times", card)
    asked = await user.gets("text", "0:05–", after=said)
    wrong = await user.gets("text", "0:05–", after=await user.sends_text("42-5"))
    assert in_language(asked, language)
    assert in_language(wrong, language)
    await user.sends_text("10")
    await user.sends_text("10 20")
    await shows(talk, card, "--start=10.0 --end=20.0")
    await user.presses("^trim:.*:start:0$", card)
    await user.presses("^trim:.*:end:0$", card)
    await shows(talk, card, "!--start|--end")


async def test_a_clip_whose_length_telegram_does_not_say(talk: RunningBot) -> None:
    """The card says it, and the end can be moved."""
    user = talk.user()
    card = await card_of(user, await user.sends_document(clip(), name="clip.mkv"))
    assert "Your video: 2 seconds." in card.text
    await opened(talk, card, "trim")
    await user.presses("^trim:.*:end:-1$", card)
    await shows(talk, card, "--end=1.0")


async def test_times_in_a_group_reply_to_the_card(talk: RunningBot) -> None:
    """Two numbers that are not addressed to the bot are none of its business."""
    ann, bob = talk.telegram.group(-78, talk.user(), talk.user())
    card = await card_of(ann, await ann.sends_video(clip(), "@overlay_test_bot", seconds=60))
    await ann.sends_text("5-42")
    await bob.sends_text("6-42", reply_to=card.id)
    await talk.telegram.quiet(0.5)
    assert "--start" not in words(card.content)
    await ann.sends_text("7-42", reply_to=card.id)
    await shows(talk, card, "--start=7.0")


@LANGUAGES
async def test_a_note_of_a_longer_clip_shows_its_first_minute(
    talk: RunningBot, language: str
) -> None:
    """And the press says so."""
    user = talk.user(language)
    card = await card_of(user, await user.sends_video(clip(), seconds=90))
    await user.presses("^make", card)
    result = await result_for(user, card)
    await settled(talk.bot, user)
    said = await (await user.presses("^again:.*:note$", result)).answered()
    assert {"en": "the first minute", "ru": "первая минута"}[language] in said
    assert "--form=note" in words((await user.gets("video_note", after=result)).content)


@LANGUAGES
async def test_the_format_of_the_result(talk: RunningBot, language: str) -> None:
    """Each is shown on the card; the video has the last one, and the next card begins with it."""
    user = talk.user(language)
    card = await card_of(user, await user.sends_video(clip()))
    await opened(talk, card, "format")
    assert in_language(card, language)
    for ratio in ("9x16", "1x1", "4x5", "16x9", "auto", "9x16"):
        await user.presses(f"^canvas:.*:{ratio}$", card)
        await shows(talk, card, f"--canvas={ratio.replace('x', ':')}")
        assert card.button(f"^canvas:.*:{ratio}$").text.startswith("✓")
    assert "9:16" in card.text
    await user.presses("^make", card)
    assert "--canvas=9:16" in words((await result_for(user, card)).content)
    again = await card_of(user, await user.sends_video(clip()))
    assert "--canvas=9:16" in words(again.content)


@LANGUAGES
async def test_a_result_is_changed_on_its_card(talk: RunningBot, language: str) -> None:
    """The card comes as a reply to the clip; the second video takes the mattes of the first."""
    user = talk.user(language)
    sent = await user.sends_video(clip(), seconds=42)
    card = await card_of(user, sent)
    await user.presses("^shape:.*:rect$", card)
    await user.presses("^make", card)
    result = await result_for(user, card)
    await settled(talk.bot, user)
    cut = len(talk.bot.runs("matte"))
    assert in_language(result, language)
    await user.presses("^edit", result)
    again = await user.gets("photo", after=result, where=lambda m: m.buttons)
    assert again.reply_to == sent.id
    assert "--shape=rect" in words(again.content)
    await opened(talk, again, "effects")
    await user.presses("^effect:.*:shadow:2$", again)
    await user.presses("^make", again)
    other = await result_for(user, again)
    assert {"--shape=rect", "--shadow=0.7"} <= chosen(words(other.content))
    assert len(talk.bot.runs("matte")) == cut


async def test_a_note_is_changed_into_a_note(talk: RunningBot) -> None:
    """Which the card says; a video is a press away, as under every result."""
    user = talk.user()
    result = await result_for(user, await ordered(user, clip()))
    await settled(talk.bot, user)
    await user.presses("^again:.*:note$", result)
    note = await user.gets("video_note", after=result)
    await settled(talk.bot, user)
    await user.presses("^edit", note)
    card = await user.gets("photo", after=note, where=lambda m: m.buttons)
    assert "as before: Round note" in card.text
    await user.presses("^make", card)
    assert "--form=note" in words((await user.gets("video_note", after=card)).content)


#: what the program is asked for after a press, by a part of what the button sends
PLACES = {
    **{
        f"^corner:.*:{place}$": f"--position={place}" for place in Anchor if place != "bottom-right"
    },
    "^corner:.*:bottom-right$": "!--position",
    "^step:.*:5$": "--size=0.55",
    "^step:.*:20$": "--size=0.75",
    "^step:.*:-20$": "--size=0.55",
    "^step:.*:-5$": "--size=0.5 ",
    "^size:.*:medium$": "--size=0.5 ",
}
#: from where the stand-in finds the face, which moves against the circle
FACE = {
    "^face:.*:right$": "--center=0.45,0.4 ",
    "^face:.*:down$": "--center=0.45,0.35",
    "^face:.*:left$": "--center=0.5,0.35",
    "^face:.*:auto$": "!--center",
    "^face:.*:up$": "--center=0.5,0.45",
}
EFFECTS = {
    "^effect:.*:shadow:1$": "--shadow=0.35",
    "^effect:.*:shadow:2$": "--shadow=0.7",
    "^effect:.*:shadow:0$": "!--shadow",
    "^effect:.*:fade:2$": "--fade=1.5",
    "^effect:.*:fade:0$": "!--fade",
    "^effect:.*:fade:1$": "--fade=0.5",
    "^effect:.*:feather:2$": "--feather=8",
    "^effect:.*:feather:0$": "!--feather",
    "^effect:.*:feather:1$": "--feather=3",
}
RINGS = {
    "^ring:.*:white$": "--ring=0.02",
    "^effect:.*:ring_width:0$": "--ring=0.01",
    "^effect:.*:ring_width:2$": "--ring=0.04",
}


@LANGUAGES
@pytest.mark.parametrize(
    ("page", "presses"), [("place", PLACES), ("face", FACE), ("effects", EFFECTS), ("ring", RINGS)]
)
async def test_every_button_of_a_page(
    talk: RunningBot, language: str, page: str, presses: dict[str, str]
) -> None:
    """The card is drawn with it, the page stays, and the video is as the card was."""
    user = talk.user(language)
    card = await card_of(user, await user.sends_video(clip()))
    await (turned(talk, card, "^page:.*:ring$") if page == "ring" else opened(talk, card, page))
    assert in_language(card, language)
    for button, meant in presses.items():
        await user.presses(button, card)
        await shows(talk, card, meant)
    shown = chosen(words(card.content))
    await user.presses("^make", card)
    assert chosen(words((await result_for(user, card)).content)) == shown


async def test_the_face_is_moved_in_a_circle_of_this_clip_alone(talk: RunningBot) -> None:
    """Another shape shows all of the clip, and in the next one the face is elsewhere."""
    user = talk.user()
    card = await card_of(user, await user.sends_video(clip()))
    await opened(talk, card, "face")
    await user.presses("^face:.*:right$", card)
    await shows(talk, card, "--center")
    talk.bot.end_series()
    following = await card_of(user, await user.sends_video(clip()))
    assert "--center" not in words(following.content)
    for page in ("more", "first"):
        await turned(talk, card, f"^page:.*:{page}$")
    await user.presses("^shape:.*:rect$", card)
    await shows(talk, card, "!--center")
    await turned(talk, card, "^page:.*:more$")
    assert not card.has("^page:.*:face$")


@LANGUAGES
async def test_what_is_behind_the_person_stays(talk: RunningBot, language: str) -> None:
    """No mattes are made, until the result is changed into one that needs them."""
    user = talk.user(language)
    card = await card_of(user, await user.sends_video(clip()))
    await opened(talk, card, "effects")
    await user.presses("^inside", card)
    await shows(talk, card, "--keep-background")
    cut = len(talk.bot.runs("matte"))
    await user.presses("^make", card)
    result = await result_for(user, card)
    assert "--keep-background" in words(result.content)
    assert "--matte" not in words(result.content)
    assert len(talk.bot.runs("matte")) == cut
    await settled(talk.bot, user)
    await user.presses("^edit", result)
    again = await user.gets("photo", after=result, where=lambda m: m.buttons)
    await opened(talk, again, "effects")
    await user.presses("^inside", again)
    await shows(talk, again, "!--keep-background")
    await user.presses("^make", again)
    assert "--matte=" in words((await result_for(user, again)).content)
    assert len(talk.bot.runs("matte")) > cut


@LANGUAGES
async def test_any_colour(talk: RunningBot, language: str) -> None:
    """Of the background by its code, of the ring by its name in the user's language."""
    user = talk.user(language)
    card = await card_of(user, await user.sends_video(clip()))
    await turned(talk, card, "^page:.*:background$")
    await user.presses("^paint", card)
    asked = await user.gets("text", "#1d3557", after=card)
    taken = await user.gets("text", "#123abc", after=await user.sends_text("#123ABC"))
    await shows(talk, card, "--background=#123abc")
    await turned(talk, card, "^page:.*:ring$")
    await user.presses("^paint", card)
    await user.gets("text", "#1d3557", after=taken)
    wrong = await user.gets("text", "#1d3557", after=await user.sends_text("???"))
    assert all(in_language(message, language) for message in (asked, taken, wrong))
    await user.sends_text({"en": "light blue", "ru": "розовый"}[language])
    await shows(talk, card, {"en": "=#add8e6", "ru": "=#ffc0cb"}[language])
    assert card.button("^paint").text.startswith("✓")


@LANGUAGES
async def test_the_sound(talk: RunningBot, language: str) -> None:
    """The voice of every video, and the background's where it is one that has a sound."""
    user = talk.user(language)
    card = await card_of(user, await user.sends_video(clip()))
    await opened(talk, card, "sound")
    assert not card.has("^noise")
    for button in ("^voice:.*:even_voice$", "^voice:.*:denoise$"):
        await user.presses(button, card)
        await talk.telegram.until(
            lambda b=button: card.button(b).text.startswith("✓"), 5, f"{button} at once"
        )
    await turned(talk, card, "^page:.*:more$")
    await turned(talk, card, "^page:.*:background$")
    await user.presses("^send", card)
    await user.gets("text", "🖼", after=card)
    await user.sends_video(clip())
    await shows(talk, card, "background-")
    await opened(talk, card, "sound")
    await user.presses("^noise:.*:quiet$", card)
    await talk.telegram.until(lambda: card.button("^noise:.*:quiet$").text[0] == "✓", 5, "a mark")
    assert in_language(card, language)
    await user.presses("^make", card)
    made = words((await result_for(user, card)).content)
    assert all(word in made for word in ("--even-voice", "--denoise", "--background-sound=quiet"))


async def test_a_page_stays_while_its_buttons_are_pressed(talk: RunningBot) -> None:
    """Also after the picture is drawn, until *Back*."""
    user = talk.user()
    card = await card_of(user, await user.sends_video(clip()))
    await turned(talk, card, "^page:.*:ring$")
    await user.presses("^ring:.*:white$", card)
    await shows(talk, card, "--ring=0.02")
    before = [data for _, data in texts(card)]
    for ring in ("gold", "black"):
        await user.presses(f"^ring:.*:{ring}$", card)
        await talk.telegram.until(
            lambda ring=ring: card.button(f"^ring:.*:{ring}$").text.startswith("✓"), 5, "the mark"
        )
    await shows(talk, card, "--ring-colou?r=black")
    await talk.telegram.quiet(0.3)
    assert [data for _, data in texts(card)] == before
    await turned(talk, card, "^page:.*:first$")
    assert card.has("^shape:.*:circle$")


async def test_a_mark_that_telegram_refuses_holds_up_nothing(talk: RunningBot) -> None:
    """The next press is answered at once; the mark comes with the picture."""
    user = talk.user()
    card = await card_of(user, await user.sends_video(clip()))
    how = {"status": 429, "retry_after": 3, "chat": user.chat}
    fault = talk.telegram.fails("editMessageReplyMarkup", **how)
    await user.presses("^shape:.*:rect$", card)
    await (await user.presses("^shape:.*:rounded$", card)).answered(within=2)
    await shows(talk, card, "--shape=rounded")
    assert fault.hit == 1
    assert card.button("^shape:.*:rounded$").text.startswith("✓")


async def test_what_is_pressed_while_a_picture_is_drawn_stays(talk: RunningBot) -> None:
    """A page that was turned; and a card that was ordered has no buttons."""
    user = talk.user()
    slow = {"preview": {"seconds": 0.5}, "matte": {"seconds": 2}}
    card = await card_of(user, await user.sends_video(clip(**slow)))
    await user.presses("^shape:.*:rect$", card)
    await turned(talk, card, "^page:.*:ring$")
    await shows(talk, card, "--shape=rect")
    assert card.has("^ring:.*:gold$")
    await user.presses("^ring:.*:gold$", card)
    await user.presses("^make", card)
    await shows(talk, card, "--ring=0.02")
    assert not card.buttons
    assert "--ring=0.02" in words((await result_for(user, card)).content)
