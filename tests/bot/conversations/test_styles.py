"""Saved styles: kept on a card, listed by /style, shared by a link."""

import re

from bot.domain.saved_styles import MAX_STYLES
from tests.bot.conversations.test_buttons import turned
from tests.bot.conversations.test_editing import LANGUAGES, in_language, opened, shows
from tests.bot.support.conversation import card_of, clip, made_of, result_for, words
from tests.bot.support.fake_telegram import Message, User
from tests.bot.support.running_bot import RunningBot

OPEN = "^style:"


async def named(user: User, message: Message, name: str) -> Message:
    """Press *save* under a message and send the name; gives what is answered."""
    before = len(user.sees("text", after=message))
    await user.presses("^save", message)
    await user.telegram.until(
        lambda: len(user.sees("text", after=message)) > before, 5, "a question"
    )
    return await user.gets("text", after=await user.sends_text(name))


async def edited(talk: RunningBot, message: Message, part: str) -> None:
    """Wait until the text of *message* has *part*."""
    await talk.telegram.until(lambda: part in message.text, 5, f"{part}, not {message.text}")


async def saved(talk: RunningBot, user: User, name: str, shape: str = "rect") -> Message:
    """Save a style from a card; gives the card."""
    card = await card_of(user, await user.sends_video(clip()))
    await user.presses(f"^shape:.*:{shape}$", card)
    await shows(talk, card, f"--shape={shape}")
    await opened(talk, card, "styles")
    await named(user, card, name)
    await talk.telegram.until(lambda: f"✓ {name}" in card.labels, 5, "the style on the card")
    return card


async def returned(talk: RunningBot, card: Message) -> None:
    """Leave the page of styles for the first one."""
    await turned(talk, card, "^page:.*:more$")
    await turned(talk, card, "^page:.*:first$")


@LANGUAGES
async def test_a_look_is_saved_and_used_on_another_card(talk: RunningBot, language: str) -> None:
    """Under a name with marks of HTML, and the video has it."""
    user = talk.user(language)
    card = await card_of(user, await user.sends_video(clip()))
    await user.presses("^shape:.*:rect$", card)
    await shows(talk, card, "--shape=rect")
    await opened(talk, card, "styles")
    assert in_language(card, language)
    said = await named(user, card, "<b>1 & 2</i>")
    assert in_language(said, language)
    assert "<b>1 & 2</i>" in said.text
    await talk.telegram.until(lambda: "✓ <b>1 & 2</i>" in card.labels, 5, "the style, marked")
    await returned(talk, card)
    await user.presses("^shape:.*:circle$", card)
    await shows(talk, card, "!--shape")
    talk.bot.end_series()
    other = await card_of(user, await user.sends_video(clip()))
    assert "--shape" not in words(other.content)
    await opened(talk, other, "styles")
    await user.presses("^dress", other)
    await shows(talk, other, "--shape=rect")
    assert "✓ <b>1 & 2</i>" in other.labels
    await user.presses("^make", other)
    assert "--shape=rect" in words((await result_for(user, other)).content)


@LANGUAGES
async def test_the_default_style_begins_each_card(talk: RunningBot, language: str) -> None:
    """Whatever was chosen last; until it is switched off, deleted, or all is reset."""
    user = talk.user(language)
    card = await saved(talk, user, "A-1")
    await user.sends_text("/style")
    style = await user.gets("photo", after=card, where=lambda m: m.has(OPEN))
    await user.presses(OPEN, style)
    await edited(talk, style, "?start=style-")
    assert in_language(style, language) or "t.me" in style.text
    await user.presses("^star", style)
    await edited(talk, style, "⭐")
    await returned(talk, card)
    await user.presses("^shape:.*:rounded$", card)
    await shows(talk, card, "--shape=rounded")
    talk.bot.end_series()
    again = await card_of(user, await user.sends_video(clip()))
    assert "--shape=rect" in words(again.content)
    await user.presses("^star", style)
    await talk.telegram.until(lambda: "⭐" not in style.text, 5, "no star")
    talk.bot.end_series()
    last = await card_of(user, await user.sends_video(clip()))
    assert "--shape=rounded" in words(last.content)


@LANGUAGES
async def test_a_style_is_renamed_and_deleted(talk: RunningBot, language: str) -> None:
    """By a text, and after a question; an old button says that it is gone."""
    user = talk.user(language)
    card = await saved(talk, user, "A-1")
    await user.sends_text("/style")
    style = await user.gets("photo", after=card, where=lambda m: m.has(OPEN))
    assert in_language(style, language) or "A-1" in style.labels
    await user.presses(OPEN, style)
    await edited(talk, style, "?start=style-")
    await user.presses("^rename", style)
    asked = await user.gets("text", "💾", after=style)
    wrong = await user.gets("text", after=await user.sends_text("x" * 25))
    renamed = await user.gets("text", "B-2", after=await user.sends_text("B-2"))
    assert all(in_language(m, language) for m in (asked, wrong))
    await user.presses("^styles", style)
    await talk.telegram.until(lambda: "B-2" in style.labels, 5, "the new name in the list")
    await user.presses(OPEN, style)
    await edited(talk, style, "?start=style-")
    await user.presses("^erase:.*:0$", style)
    await talk.telegram.until(lambda: style.has("^erase:.*:1$"), 5, "a question")
    await user.presses("^erase:.*:1$", style)
    await talk.telegram.until(lambda: style.has("^save"), 5, "the list")
    assert not style.has(OPEN)
    gone = await (await user.presses("^dress", card)).answered()
    assert bool(re.search("[\u0430-\u044f]", gone)) is (language == "ru")
    assert renamed.text


async def test_styles_are_shown_as_pictures(talk: RunningBot) -> None:
    """On the last clip of the chat, numbered as the names; drawn once, and again when one goes."""
    user = talk.user()
    card = await saved(talk, user, "A-1")
    await named(user, card, "B-2")
    before = len(talk.bot.runs("sheet"))
    for _ in range(2):
        await user.sends_text("/style")
        style = await user.gets("photo", after=user.last)
        assert style.text.startswith("1 – A-1\n2 – B-2\n\n")
    (run,) = talk.bot.runs("sheet")[before:]
    assert run["clip"] == made_of(card.content)["clip"]
    assert "--numbered" in run["words"]
    assert [look["style"]["shape"] for look in run["looks"]] == ["rect", "rect"]
    await user.presses(OPEN, style)
    await talk.telegram.until(lambda: style.has("^erase:.*:0$"), 5, "one style")
    await user.presses("^erase:.*:0$", style)
    await talk.telegram.until(lambda: style.has("^erase:.*:1$"), 5, "a question")
    await user.presses("^erase:.*:1$", style)
    await edited(talk, style, "1 – B-2")
    assert made_of(style.content)["words"] != run["words"]
    assert len(talk.bot.runs("sheet")[-1]["looks"]) == 1


async def test_a_clip_is_not_shown_in_another_chat(talk: RunningBot) -> None:
    """There the styles are on the sample."""
    user = talk.user()
    card = await saved(talk, user, "A-1")
    (inside,) = talk.telegram.group(-81, user)
    await inside.sends_text("/style@overlay_test_bot")
    style = await inside.gets("photo")
    assert "sample.mp4" in words(style.content)
    assert made_of(style.content)["clip"] != made_of(card.content)["clip"]


async def test_a_background_of_a_style_is_shown(talk: RunningBot) -> None:
    """A small one is fetched; in place of a large one, and of one that is gone, there is blur."""
    user = talk.user()
    sent = []
    for size in (None, None, 19_000_000):
        talk.bot.end_series()
        card = await card_of(user, await user.sends_video(clip()))
        more = {} if size is None else {"size": size}
        sent.append(await user.sends_document(clip(), mime="video/mp4", reply_to=card.id, **more))
        await shows(talk, card, "--background=/")
        await opened(talk, card, "styles")
        await named(user, card, f"B-{len(sent)}")
    assert sent[1].media
    del talk.telegram.files[sent[1].media.file_id]
    talk.bot.end_series()
    await card_of(user, await user.sends_video(clip()))
    await user.sends_text("/style")
    await user.gets("photo", "B-3", after=user.last)
    shown = [look["scene"]["background"] for look in talk.bot.runs("sheet")[-1]["looks"]]
    assert re.fullmatch(r"/.*/background-[0-9a-f]{16}", shown[0])
    assert shown[1:] == ["blur", "blur"]


async def test_styles_are_listed_without_pictures_where_none_can_be_drawn(
    talk: RunningBot,
) -> None:
    """Or sent."""
    user = talk.user()
    await saved(talk, user, "A-1")
    refused = talk.telegram.fails(
        "sendPhoto", status=400, description="Bad Request: not enough rights to send photos"
    )
    await user.sends_text("/style")
    assert (await user.gets("text", "A-1", after=user.last)).has(OPEN)
    assert refused.hit == 1
    talk.bot.end_series()
    await saved(talk, user, "B-2")
    talk.bot.behave(sheet={"fault": "dies"})
    await user.sends_text("/style")
    style = await user.gets("text", "B-2", after=user.last)
    await user.presses(OPEN, style)
    await edited(talk, style, "?start=style-")


@LANGUAGES
async def test_a_link_shares_a_style(talk: RunningBot, language: str) -> None:
    """Another user uses it at once, or saves it under a name of their own."""
    ann, bob = talk.user(language), talk.user(language)
    card = await saved(talk, ann, "Private", "rounded")
    await ann.sends_text("/style")
    style = await ann.gets("photo", after=card, where=lambda m: m.has(OPEN))
    await ann.presses(OPEN, style)
    await edited(talk, style, "?start=style-")
    link = re.search(r"https://t\.me/overlay_test_bot\?start=([\w-]+)", style.text)
    assert link
    assert len(link[1]) <= 64
    assert "Private" not in link[1]
    shared = await bob.gets("photo", "🔗", after=await bob.sends_text(f"/start {link[1]}"))
    assert in_language(shared, language)
    said = await named(bob, shared, "Mine")
    assert "Mine" in said.text
    await bob.presses("^wear", shared)
    await edited(talk, shared, "✅")
    assert in_language(shared, language)
    other = await card_of(bob, await bob.sends_video(clip()))
    assert "--shape=rounded" in words(other.content)
    await opened(talk, other, "styles")
    assert "✓ Mine" in other.labels


@LANGUAGES
async def test_a_link_that_is_broken_is_explained(talk: RunningBot, language: str) -> None:
    user = talk.user(language)
    for code in ("style-", "style-abc", "style-" + "_" * 24):
        said = await user.gets("text", after=await user.sends_text(f"/start {code}"))
        assert in_language(said, language)
        assert not said.buttons


async def test_there_is_a_limit(talk: RunningBot) -> None:
    """With no button to save one more, and a sentence for one that was pressed before."""
    user = talk.user()
    await user.sends_text("/style")
    before = await user.gets("photo", where=lambda m: m.has("^save"))
    for number in range(MAX_STYLES):
        await named(user, before, f"N{number}")
    refused = await named(user, before, "more")
    assert str(MAX_STYLES) in refused.text
    await user.sends_text("/style")
    full = await user.gets("photo", after=refused, where=lambda m: m.has(OPEN))
    assert not full.has("^save")
    assert len([data for data in full.datas if data.startswith("style:")]) == MAX_STYLES


async def test_nobody_touches_the_styles_of_another(talk: RunningBot) -> None:
    """In a group, where all see the buttons; and /forget deletes one's own."""
    ann, bob = talk.telegram.group(-79, talk.user(), talk.user())
    await ann.sends_text("/style@overlay_test_bot")
    style = await ann.gets("photo", where=lambda m: m.has("^save"))
    await ann.presses("^save", style)
    asked = await ann.gets("text", "💾", after=style)
    await ann.sends_text("Hers", reply_to=asked.id)
    await ann.gets("text", "Hers", after=asked)
    await ann.sends_text("/style@overlay_test_bot")
    listed = await ann.gets("photo", where=lambda m: m.has(OPEN))
    assert await (await bob.presses(OPEN, listed)).answered()
    assert not listed.edits
    await ann.presses(OPEN, listed)
    await edited(talk, listed, "?start=style-")
    await ann.sends_text("/forget@overlay_test_bot")
    forget = await ann.gets("text", where=lambda m: m.has("^forget"))
    await ann.presses("^forget", forget)
    await talk.telegram.until(lambda: not forget.buttons, 15, "all is forgotten")
    assert await (await ann.presses("^star", listed)).answered()
