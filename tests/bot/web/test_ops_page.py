"""The dashboard in a real browser, on a phone and on a desk, in both themes and languages."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from bot.web.signatures import MAX_AGE_SECONDS
from tests.bot.support.browser import DESK, PHONE, visiting
from tests.bot.support.conversation import clip, ordered
from tests.bot.support.fake_telegram import TOKEN
from tests.bot.support.running_bot import ADMIN, RunningBot
from tests.bot.support.signed_requests import OPS_TOKEN, launch


def address(talk: RunningBot, fragment: str = "") -> str:
    return f"http://127.0.0.1:{talk.bot.port}/ops{fragment}"


@pytest.mark.parametrize(
    ("device", "scheme", "language", "cancel"),
    [
        (PHONE, "dark", "ru", "Отменить"),
        pytest.param(DESK, "light", "en", "Cancel", marks=pytest.mark.slow),
    ],
)
async def test_an_admin_watches_and_cancels(
    talk: RunningBot,
    browser: Browser,
    device: dict[str, Any],
    scheme: str,
    language: str,
    cancel: str,
) -> None:
    """A question comes first; the audit log shows it, and nothing is in the way of anybody."""
    ann = talk.user()
    await ordered(ann, clip(matte={"seconds": 20}))
    fragment = launch(TOKEN, ADMIN, language=language)
    options = {**device, "color_scheme": scheme}
    async with visiting(browser, address(talk, fragment), **options) as visit:
        page = visit.page
        row = page.locator("#jobs tbody tr", has_text=str(ann.id))
        await expect(row).to_have_count(1)
        await expect(row.locator("progress")).to_be_visible()
        assert await visit.find_accessibility_faults() == []
        await row.get_by_role("button", name=cancel).click()
        await expect(page.locator("#confirm")).to_be_visible()
        assert await visit.find_accessibility_faults() == []
        await page.locator("#no").click()
        await expect(row).to_have_count(1)
        await row.get_by_role("button", name=cancel).click(delay=1500)  # over some updates
        await page.locator("#yes").click()
        await expect(row).to_have_count(0)
        await expect(page.locator("#audit tbody tr").first).to_contain_text(str(ADMIN))
        await expect(page.locator("#charts canvas")).to_have_count(4)
        assert ["ready"] in await page.evaluate("window.calls")
        assert await page.evaluate("document.documentElement.dataset.theme") == scheme
        await visit.is_safe()


@pytest.mark.slow
async def test_a_user_is_told_that_it_is_for_admins(talk: RunningBot, browser: Browser) -> None:
    async with visiting(browser, address(talk, launch(TOKEN, 1000))) as visit:
        await expect(visit.page.locator("#live")).to_contain_text("for admins")
        await expect(visit.page.locator("#dashboard")).to_be_hidden()


@pytest.mark.slow
async def test_a_page_that_is_too_old_says_so(talk: RunningBot, browser: Browser) -> None:
    fragment = launch(TOKEN, ADMIN, age=MAX_AGE_SECONDS - 3)
    async with visiting(browser, address(talk, fragment)) as visit:
        await expect(visit.page.locator("#live")).to_have_text("live")
        await expect(visit.page.locator("#live")).to_contain_text("too old", timeout=6000)


async def test_a_wrong_token_is_refused_and_nothing_is_shown(
    talk: RunningBot, browser: Browser
) -> None:
    async with visiting(browser, address(talk), has_telegram=False) as visit:
        await visit.page.locator("#token").fill(OPS_TOKEN)
        await visit.page.get_by_role("button", name="Open").click()
        await expect(visit.page.locator("#login-error")).to_have_text("That is not the token.")
        await expect(visit.page.locator("#dashboard")).to_be_hidden()
        assert await visit.find_accessibility_faults() == []
        await visit.is_safe()
