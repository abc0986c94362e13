"""Fingers, mouse and keys in the editor, and what goes wrong between it and the bot."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.bot.support.browser import DESK, PHONE, Visit, visiting
from tests.bot.support.conversation import card_of, clip, result_for, words
from tests.bot.support.fake_telegram import TOKEN, Message, User
from tests.bot.support.running_bot import RunningBot
from tests.bot.support.signed_requests import launch
from tests.bot.web.conftest import SITE

SIDE = 64  #: pixels of the result
MARGIN = 2  #: of them, between a shape and the edge, as layouts round it


@pytest.fixture(scope="module")
def house(public_house: RunningBot) -> RunningBot:
    return public_house


@pytest.fixture
def ann(talk: RunningBot) -> User:
    return talk.user()


@pytest.fixture
async def card(ann: User) -> Message:
    return await card_of(ann, await ann.sends_video(clip()))


def page_of(talk: RunningBot, card: Message, fragment: str) -> str:
    """Where the card's button leads, on this machine."""
    page = card.button("Editor").page
    return page.replace(SITE, f"http://127.0.0.1:{talk.bot.port}") + fragment


@pytest.fixture
async def visit(
    talk: RunningBot, ann: User, card: Message, browser: Browser
) -> AsyncIterator[Visit]:
    """The editor on a desk, ready."""
    address = page_of(talk, card, launch(TOKEN, ann.id))
    async with visiting(browser, address, **DESK, has_telegram=False) as opened:
        await expect(opened.page.locator("body[data-ready]")).to_be_attached()
        yield opened


async def find_view(page: Page) -> list[float]:
    """Left, top, width and height of the person's view, in the result's pixels."""
    await page.evaluate("new Promise(requestAnimationFrame)")
    view = str(await page.locator("#stage").get_attribute("data-view"))
    return [float(number) for number in view.split()]


async def find_middle(page: Page) -> tuple[float, float, float]:
    """The middle of the stage on the page, and the page's pixels by those of the result."""
    box = await page.locator("#stage").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"] / SIDE


async def drag(page: Page, x: float, y: float) -> None:
    """Drag with the mouse, by pixels of the result."""
    left, top, zoom = await find_middle(page)
    await page.mouse.move(left, top)
    await page.mouse.down()
    await page.mouse.move(left + x * zoom / 2, top + y * zoom / 2)
    await page.mouse.move(left + x * zoom, top + y * zoom)
    await page.mouse.up()


async def test_it_follows_the_mouse_and_snaps(visit: Visit) -> None:
    """To the pixel; near an anchor it is at the anchor."""
    left, top, width, height = await find_view(visit.page)
    assert [left, top] == [SIDE - width - MARGIN, SIDE - height - MARGIN]
    await drag(visit.page, -8, -12)
    assert await find_view(visit.page) == [left - 8, top - 12, width, height]
    await drag(visit.page, -left + 8 + MARGIN + 1, -top + 12 + MARGIN + 1)
    assert await find_view(visit.page) == [MARGIN, MARGIN, width, height]
    await visit.is_safe()


@pytest.mark.slow
async def test_it_cannot_be_lost(visit: Visit) -> None:
    """A fifth of it stays in the picture."""
    for _ in range(5):
        await drag(visit.page, 30, 30)
    left, top, width, height = await find_view(visit.page)
    assert left <= SIDE - 0.2 * width + 1
    assert top <= SIDE - 0.2 * height + 1


async def test_two_fingers_size_it_about_its_middle(
    talk: RunningBot, ann: User, card: Message, browser: Browser
) -> None:
    """Twice as far apart is twice as large, on a phone in Russian."""
    address = page_of(talk, card, launch(TOKEN, ann.id, language="ru"))
    async with visiting(browser, address, **PHONE, color_scheme="dark") as visit:
        page = visit.page
        await expect(page.locator("body[data-ready]")).to_be_attached()
        await page.locator("#size").fill("0.3")
        left, top, width, height = await find_view(page)
        x, y, zoom = await find_middle(page)
        session = await page.context.new_cdp_session(page)
        for kind, reach in (("touchStart", 10), ("touchMove", 15), ("touchMove", 20)):
            points = [{"x": x + side * reach * zoom / 4, "y": y, "id": side} for side in (-1, 1)]
            await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        await session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        after = await find_view(page)
        assert after[2:] == pytest.approx([2 * width, 2 * height], abs=2)
        assert after[0] + after[2] / 2 == pytest.approx(left + width / 2, abs=4)
        assert after[1] + after[3] / 2 == pytest.approx(top + height / 2, abs=4)
        assert await page.locator("html").get_attribute("lang") == "ru"
        assert await visit.find_accessibility_faults() == []
        await visit.is_safe()


@pytest.mark.slow
async def test_keys_and_the_wheel_do_it_too(visit: Visit) -> None:
    page, stage = visit.page, visit.page.locator("#stage")
    left, top, width, _ = await find_view(page)
    await stage.focus()
    for _ in range(3):
        await page.keyboard.press("Shift+ArrowLeft")
    assert (await find_view(page))[:2] == [pytest.approx(left - 0.15 * SIDE, abs=4), top]
    for _ in range(10):
        await page.keyboard.press("+")
    wider = (await find_view(page))[2]
    assert wider > width
    x, y, _ = await find_middle(page)
    await page.mouse.move(x, y)
    await page.mouse.wheel(0, 300)
    assert (await find_view(page))[2] < wider


@pytest.mark.slow
async def test_without_telegrams_script_its_own_button_makes_it(
    visit: Visit, ann: User, card: Message
) -> None:
    """And what was chosen reaches the renderer."""
    await visit.page.get_by_role("button", name="Cut out").click()
    await visit.page.get_by_role("tab", name="Background").click()
    await visit.page.get_by_role("button", name="Green").click()
    await visit.page.get_by_role("button", name="Make it").click()
    await expect(visit.page.locator("#status")).to_contain_text("Accepted")
    given = words((await result_for(ann, card)).content)
    assert "--shape=none" in given
    assert "--background=#00b140" in given


async def test_nothing_is_lost_without_a_network(visit: Visit, ann: User, card: Message) -> None:
    """A second press makes it."""
    page = visit.page
    await drag(page, -8, -8)
    before = await find_view(page)
    await page.context.set_offline(offline=True)
    await page.get_by_role("button", name="Make it").click()
    await expect(page.locator("#status")).to_contain_text("No connection")
    assert await find_view(page) == before
    await page.context.set_offline(offline=False)
    await page.get_by_role("button", name="Make it").click()
    await expect(page.locator("#status")).to_contain_text("Accepted")
    await result_for(ann, card)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("user", "age", "said"),
    [(0, 9999, "too old"), (1, 0, "too old. Send the video again"), (None, 0, "from the card")],
)
async def test_a_page_that_may_not_says_what_to_do(
    talk: RunningBot,
    ann: User,
    card: Message,
    browser: Browser,
    user: int | None,
    age: float,
    said: str,
) -> None:
    """An old signature, another user, no signature."""
    fragment = "" if user is None else launch(TOKEN, ann.id + user, age=age)
    async with visiting(browser, page_of(talk, card, fragment)) as visit:
        await expect(visit.page.locator("#status")).to_contain_text(said)
        await expect(visit.page.locator("#controls")).to_be_hidden()
        await visit.is_safe()


@pytest.mark.slow
async def test_a_page_that_could_not_load_asks_again(
    talk: RunningBot, ann: User, card: Message, browser: Browser
) -> None:
    """When its button is pressed; nothing is there to choose from before."""
    async with visiting(browser, "about:blank", has_telegram=False) as visit:
        page = visit.page
        await page.route("**/person.webp", lambda route: route.abort())
        await page.goto(page_of(talk, card, launch(TOKEN, ann.id)))
        await expect(page.locator("#status")).to_contain_text("No connection")
        await expect(page.locator("#controls")).to_be_hidden()
        await page.unroute("**/person.webp")
        await page.get_by_role("button", name="Try again").click()
        await expect(page.locator("body[data-ready]")).to_be_attached()
        await expect(page.get_by_role("button", name="Try again")).to_be_hidden()


@pytest.mark.slow
async def test_an_answer_that_is_lost_on_its_way_is_not_asked_for_twice(
    visit: Visit, ann: User, card: Message, talk: RunningBot
) -> None:
    """The order had arrived: the second press says so, and no second video is made."""
    page = visit.page

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await page.route("**/make", lose)
    await page.get_by_role("button", name="Make it").click()
    await expect(page.locator("#status")).to_contain_text("No connection")
    await page.unroute("**/make")
    await page.get_by_role("button", name="Make it").click()
    await expect(page.locator("#status")).to_contain_text("being made already")
    await expect(page.locator("#controls")).to_be_hidden()
    await result_for(ann, card)
    assert len(talk.bot.rows(f'SELECT id FROM jobs WHERE "user" = {ann.id}')) == 1  # noqa: S608


async def test_the_handles_trim(visit: Visit, ann: User, card: Message) -> None:
    """Dragged or moved by keys; they never meet, and the cover stays between them."""
    page = visit.page
    await page.get_by_role("tab", name="Trim").click()
    await expect(page.locator("#play")).to_be_enabled()
    box = await page.locator("#strip").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    await page.mouse.move(box["x"] + box["width"] - 8, y)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] * 0.6, y)
    await page.mouse.up()
    end = float(await page.locator("#end").input_value())
    assert end == pytest.approx(1.2, abs=0.1)
    await page.locator("#start").focus()
    for _ in range(30):
        await page.keyboard.press("ArrowRight")
    start = float(await page.locator("#start").input_value())
    assert start == pytest.approx(end - 0.5, abs=0.05)
    assert await page.locator("#start").get_attribute("aria-valuetext") == f"0:0{start:.1f}"
    await page.locator("#cover").fill("2")
    await expect(page.locator("#cover")).to_have_value(f"{end:g}")
    await page.get_by_role("button", name="Play").click()
    await expect(page.locator("#proxy")).to_be_visible()
    assert await visit.find_accessibility_faults() == []
    await page.get_by_role("button", name="Make it").click()
    given = words((await result_for(ann, card)).content)
    assert f"--start={start}" in given
    assert f"--end={end}" in given
    await visit.is_safe()


async def test_every_menu_of_the_chat_is_there_and_can_be_taken_back(
    visit: Visit, ann: User, card: Message
) -> None:
    """By keys alone: pages, formats, effects, sound; one step back, or all of them."""
    page = visit.page
    undo, reset = page.get_by_role("button", name="Undo"), page.locator("#reset")
    await expect(undo).to_be_disabled()
    await page.get_by_role("tab", name="Look").focus()
    await page.keyboard.press("ArrowRight")
    await page.get_by_role("button", name="9:16").press("Enter")
    await page.locator("#backgrounds input[type=color]").fill("#123456")
    await page.get_by_role("button", name="Keep what is behind me").press("Enter")
    ratio = "(box => box.width / box.height)(document.getElementById('stage'))"
    await expect(page.get_by_role("button", name="9:16")).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate(ratio) == pytest.approx(9 / 16, abs=0.01)
    await undo.press("Enter")
    await page.get_by_role("tab", name="More").click()
    await page.locator("#fade").fill("1.5")
    await page.locator("#feather").fill("8")
    for name in ("Even loudness", "Less noise", "Fast"):
        await page.get_by_role("button", name=name).press("Enter")
    assert await visit.find_accessibility_faults() == []
    await reset.press("Enter")
    await expect(reset).to_be_disabled()
    assert await page.evaluate(ratio) == pytest.approx(1, abs=0.01)
    await page.keyboard.press("Control+z")
    await page.get_by_role("button", name="Make it").press("Enter")
    given = words((await result_for(ann, card)).content)
    for word in ("canvas=9:16", "background=#123456", "fade=1.5", "feather=8.0", "denoise"):
        assert f"--{word} " in given
    assert "--keep-background" not in given
    await visit.is_safe()
