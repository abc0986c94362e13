"""How much a page weighs, and how soon a phone on a slow network shows it."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.bot.support.browser import PHONE, visiting
from tests.bot.support.conversation import card_of
from tests.bot.support.fake_telegram import TOKEN, Telegram
from tests.bot.support.running_bot import ADMIN, Opener
from tests.bot.support.signed_requests import launch
from tests.bot.web.conftest import SITE
from tests.support.person_clips import film_of_eileen

MAX_BYTES = 150_000  #: of the editor, as they travel, without the layers of the clip
MAX_SECONDS = 2.5  #: to be ready on a throttled phone, on a machine that does much else
#: of Chrome's "Fast 4G": 9 Mbit/s with 60 ms there and back; and a processor four times slower
NETWORK = {"offline": False, "latency": 60, "downloadThroughput": 9e6 / 8, "uploadThroughput": 1e6}
SLOWDOWN = 4
WEIGH = """
() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter((one) => one.name.startsWith("http://127"))
  .map((one) => [new URL(one.name).pathname, one.transferSize])
"""
pytestmark = pytest.mark.slow


async def throttle(page: Page) -> None:
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.emulateNetworkConditions", NETWORK)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})


async def weigh(page: Page) -> dict[str, int]:
    """The bytes of each answer, by its path."""
    return dict(await page.evaluate(WEIGH))


@pytest.fixture
async def addresses(telegram: Telegram, open_bot: Opener, tmp_path: Path) -> dict[str, str]:
    """Of both pages of a real bot."""
    bot = await open_bot(real=True, PUBLIC_URL=SITE).start().ready()
    telegram.user(ADMIN)
    ann = telegram.user(7)
    film = film_of_eileen(tmp_path / "clip.mp4", 25, side=1080)
    card = await card_of(ann, await ann.sends_video(film), within=60)
    here = f"http://127.0.0.1:{bot.port}"
    return {
        "editor": card.button("Editor").page.replace(SITE, here) + launch(TOKEN, 7),
        "ops": f"{here}/ops{launch(TOKEN, ADMIN)}",
    }


async def test_the_editor_is_light_and_soon_ready(
    addresses: dict[str, str], browser: Browser
) -> None:
    async with visiting(browser, "about:blank", **PHONE) as visit:
        page = visit.page
        await throttle(page)
        await page.goto(addresses["editor"])
        await expect(page.locator("body[data-ready]")).to_be_attached(timeout=20000)
        seconds = await page.evaluate("performance.getEntriesByName('ready')[0].startTime / 1000")
        sizes = await weigh(page)
    own = sum(size for path, size in sizes.items() if not path.startswith("/editor/"))
    print(  # noqa: T201 - for whoever runs it with -s
        f"editor: {own} bytes, {sum(sizes.values())} with layers, ready in {seconds:.2f} s"
    )
    assert own <= MAX_BYTES
    assert seconds <= MAX_SECONDS


async def test_the_dashboard_is_light_and_soon_ready(
    addresses: dict[str, str], browser: Browser
) -> None:
    async with visiting(browser, "about:blank", **PHONE) as visit:
        page = visit.page
        await throttle(page)
        await page.goto(addresses["ops"])
        await expect(page.locator("#tiles .tile").first).to_be_visible(timeout=20000)
        seconds = await page.evaluate("performance.now() / 1000")
        sizes = await weigh(page)
    print(  # noqa: T201 - for whoever runs it with -s
        f"ops: {sum(sizes.values())} bytes, ready in {seconds:.2f} s"
    )
    assert sum(sizes.values()) <= MAX_BYTES
    assert seconds <= MAX_SECONDS
