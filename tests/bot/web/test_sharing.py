"""A result is sent on: the button, what the bot prepares, and the page in a real browser."""

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, expect

from tests.bot.support.browser import PHONE, visiting
from tests.bot.support.conversation import MAKE, card_of, clip, result_for, settled
from tests.bot.support.fake_telegram import TOKEN, Message, User
from tests.bot.support.running_bot import RunningBot
from tests.bot.support.signed_requests import launch, signed
from tests.bot.web.conftest import SITE


@pytest.fixture(scope="module")
def house(public_house: RunningBot) -> RunningBot:
    return public_house


@pytest.fixture
def ann(talk: RunningBot) -> User:
    return talk.user()


@pytest.fixture
async def result(talk: RunningBot, ann: User) -> Message:
    """A video of Ann's."""
    card = await card_of(ann, await ann.sends_video(clip()))
    await ann.presses(MAKE, card)
    sent = await result_for(ann, card)
    await settled(talk.bot, ann)
    return sent


def page_of(result: Message) -> str:
    """Where the button leads, without the address of the bot."""
    page = result.button("Share").page
    assert page.startswith(f"{SITE}/share?job=")
    return page.removeprefix(SITE)


async def post(talk: RunningBot, result: Message, headers: dict[str, str]) -> tuple[int, str]:
    """The answer to the page of *result*."""
    job = page_of(result).partition("job=")[2]
    async with ClientSession(f"http://127.0.0.1:{talk.bot.port}") as session:
        answer = await session.post(f"/share/{job}", json={}, headers=headers)
        return answer.status, await answer.text()


async def test_the_owner_shares_a_result(talk: RunningBot, ann: User, result: Message) -> None:
    """As the file that Telegram has, to people, groups and channels."""
    status, text = await post(talk, result, signed(TOKEN, ann.id))
    assert (status, text) == (200, f'{{"message": "prepared-{len(talk.telegram.prepared)}"}}')
    prepared = talk.telegram.prepared[-1]
    assert prepared["video_file_id"] == result.media.file_id
    assert (prepared["type"], prepared["title"], "caption" in prepared) == ("video", "Video", False)


async def test_what_telegram_keeps_as_an_animation_is_shared_as_one(
    talk: RunningBot, ann: User, result: Message
) -> None:
    """As it keeps a video without sound."""
    result.media.kind = "animation"
    status, _ = await post(talk, result, signed(TOKEN, ann.id))
    assert status == 200
    assert talk.telegram.prepared[-1]["mpeg4_file_id"] == result.media.file_id


async def test_nobody_else_shares_it(talk: RunningBot, result: Message) -> None:
    """Neither another user nor a forger, nor with an old signature; an unknown job is none."""
    before = len(talk.telegram.prepared)
    for headers, expected in (
        (signed(TOKEN, 8), 404),
        (signed("1:forged", result.chat), 401),
        (signed(TOKEN, result.chat, age=4000), 401),
        ({}, 401),
    ):
        assert (await post(talk, result, headers))[0] == expected
    assert len(talk.telegram.prepared) == before


async def test_what_telegram_refuses_is_told(talk: RunningBot, ann: User, result: Message) -> None:
    """And not as an error of the bot."""
    del talk.telegram.files[result.media.file_id]
    assert await post(talk, result, signed(TOKEN, ann.id)) == (502, '{"error": "refused"}')


async def test_a_round_note_has_no_such_button(ann: User, result: Message) -> None:
    """Telegram prepares no notes."""
    await ann.presses("^again.*note", result)
    note = await ann.gets("video_note", after=result, within=20)
    assert not any(button.page for row in note.buttons for button in row)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "theme", "ready"),
    [("en", "light", "Choose a chat"), ("ru", "dark", "Выберите чат")],
)
async def test_the_page_asks_telegram_for_a_chat(
    talk: RunningBot, result: Message, browser: Browser, language: str, theme: str, ready: str
) -> None:
    """As soon as it is opened; its colours have enough contrast in both themes."""
    address = f"http://127.0.0.1:{talk.bot.port}{page_of(result)}"
    fragment = launch(TOKEN, result.chat, language=language)
    async with visiting(browser, address + fragment, color_scheme=theme, **PHONE) as visit:
        await expect(visit.page.locator("html")).to_have_attribute("data-theme", theme)
        await expect(visit.page.locator("#status")).to_contain_text(ready)
        message = f"prepared-{len(talk.telegram.prepared)}"
        assert ["shareMessage", message] in await visit.page.evaluate("window.calls")
        assert await visit.find_accessibility_faults() == []
        await visit.is_safe()


@pytest.mark.slow
async def test_the_page_outside_of_telegram_says_how_to_open_it(
    talk: RunningBot, result: Message, browser: Browser
) -> None:
    """It asks for nothing."""
    address = f"http://127.0.0.1:{talk.bot.port}{page_of(result)}"
    async with visiting(browser, address) as visit:
        await expect(visit.page.locator("#status")).to_contain_text("button under your video")
        await expect(visit.page.locator("#share")).to_be_disabled()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "has_telegram", "told"),
    [("7.11", True, "cannot do this yet"), ("8.0", False, "Telegram did not answer")],
)
async def test_a_page_that_cannot_share_says_what_to_do(
    talk: RunningBot,
    result: Message,
    browser: Browser,
    *,
    version: str,
    has_telegram: bool,
    told: str,
) -> None:
    """In an old Telegram, or where its script does not arrive; neither prepares a message."""
    before = len(talk.telegram.prepared)
    fragment = f"{launch(TOKEN, result.chat)}&tgWebAppVersion={version}"
    address = f"http://127.0.0.1:{talk.bot.port}{page_of(result)}{fragment}"
    async with visiting(browser, address, has_telegram=has_telegram, **PHONE) as visit:
        await expect(visit.page.locator("#status")).to_contain_text(told, timeout=20_000)
        await expect(visit.page.locator("#share")).to_be_disabled()
    assert len(talk.telegram.prepared) == before
