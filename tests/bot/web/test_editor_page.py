"""The editor in a real browser, with the real program: from a clip to a video as it was dragged."""

from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, Page, expect

from tests.bot.support.bot_process import BotProcess
from tests.bot.support.browser import PHONE, visiting
from tests.bot.support.conversation import card_of, result_for
from tests.bot.support.fake_telegram import TOKEN, Message, Telegram, User
from tests.bot.support.running_bot import Opener
from tests.bot.support.signed_requests import launch, signed
from tests.support.person_clips import film_of_eileen

NAVY = (0x1D, 0x35, 0x57)
SITE = "https://bot.example"


@pytest.fixture
async def bot(open_bot: Opener) -> BotProcess:
    """With the real program, at a public address."""
    return await open_bot(real=True, PUBLIC_URL=SITE).start().ready()


@pytest.fixture
def ann(telegram: Telegram) -> User:
    return telegram.user(7)


@pytest.fixture
async def card(ann: User, bot: BotProcess, tmp_path: Path) -> Message:
    """Of two seconds of Eileen."""
    assert bot.alive
    film = film_of_eileen(tmp_path / "clip.mp4", 50, tone=440)
    return await card_of(ann, await ann.sends_video(film), within=60)


def page_of(bot: BotProcess, card: Message, fragment: str) -> str:
    """Where the card's button leads, on this machine."""
    page = card.button("Editor").page
    assert page.startswith(f"{SITE}/editor?draft=")
    return page.replace(SITE, f"http://127.0.0.1:{bot.port}") + fragment


async def find_view(page: Page) -> tuple[float, ...]:
    """Left, top, width and height of the person's view, in the result's pixels."""
    await expect(page.locator("body[data-ready]")).to_be_attached(timeout=10000)
    return tuple(map(float, str(await page.locator("#stage").get_attribute("data-view")).split()))


async def drag(page: Page, x: float, y: float) -> None:
    """Drag the person by so many pixels of the page."""
    box = await page.locator("#stage").bounding_box()
    assert box is not None
    start = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.move(*start)
    await page.mouse.down()
    await page.mouse.move(start[0] + x / 2, start[1] + y / 2)
    await page.mouse.move(start[0] + x, start[1] + y)
    await page.mouse.up()
    await page.evaluate("new Promise(requestAnimationFrame)")


def find_overlay(video: bytes) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is white in a video over navy: the ring."""
    with av.open(BytesIO(video)) as file:
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    seen = pictures[len(pictures) // 2].min(axis=2) > 150
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def count_frames(video: bytes) -> int:
    """How many it has."""
    with av.open(BytesIO(video)) as file:
        return sum(1 for _ in file.decode(video=0))


@pytest.mark.slow
async def test_what_is_dragged_is_made(
    ann: User, bot: BotProcess, card: Message, browser: Browser
) -> None:
    """From the card's button to a video whose overlay is where the page showed it, and as long."""
    async with visiting(browser, page_of(bot, card, launch(TOKEN, ann.id)), **PHONE) as visit:
        page = visit.page
        before = await find_view(page)
        assert await visit.find_accessibility_faults() == []
        await page.get_by_role("button", name="Rectangle", exact=True).click()
        await page.get_by_role("button", name="White").first.click()
        await page.locator("#size").fill("0.4")
        await drag(page, -60, -50)
        await page.get_by_role("tab", name="Trim").click()
        await expect(page.locator("#play")).to_be_enabled(timeout=20000)
        await page.locator("#start").fill("0.4")
        await page.locator("#end").fill("1.2")
        await expect(page.locator("#span")).to_have_text("0:00.4 – 0:01.2")
        view = await find_view(page)
        assert (view[0], view[1]) != before[:2]
        await page.evaluate("Telegram.WebApp.MainButton.press()")
        await expect(page.locator("#status")).to_contain_text("Accepted")
        assert ["close"] in await page.evaluate("window.calls")
        await visit.is_safe()
    result = await result_for(ann, card, within=60)
    left, top, width, height = view
    expected = (left, top, left + width, top + height)
    assert count_frames(result.content) == 20
    found = find_overlay(result.content)
    assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 1
    assert not card.buttons


STRANGERS = (
    {},
    signed(TOKEN, 8),
    signed(TOKEN, 7, age=4000),
    signed("1:forged", 7),
    {"Authorization": "Bearer x"},
)


@pytest.mark.slow
async def test_nothing_of_a_draft_is_read_without_its_owners_signature(
    bot: BotProcess, card: Message
) -> None:
    """Neither is it made; and its owner reads the layers alone, no other file."""
    draft = card.button("Editor").page.partition("draft=")[2]
    async with ClientSession(f"http://127.0.0.1:{bot.port}") as session:
        for headers in STRANGERS:
            for name in ("", "/person.webp", "/frame.webp", "/background.webp"):
                answer = await session.get(f"/editor/{draft}{name}", headers=headers)
                assert answer.status in {401, 404}, name
                assert len(await answer.read()) < 40
            answer = await session.post(f"/editor/{draft}/make", json={}, headers=headers)
            assert answer.status in {401, 404}
        for name in ("clip", "card.jpg", "layers.json", "..%2fcard.jpg"):
            answer = await session.get(f"/editor/{draft}/{name}", headers=signed(TOKEN, 7))
            assert answer.status in {404, 405}, name
    assert bot.rows("SELECT id FROM jobs") == []
