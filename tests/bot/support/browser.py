"""A real browser, on a phone or a desk, that reaches this machine and Telegram's script only."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright

from bot.web.guards import TELEGRAM_SCRIPT
from tests.support.paths import ROOT

CHROMIUM = shutil.which("chromium")
AXE = ROOT / "tests" / "bot" / "support" / "vendor" / "axe.min.js"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "device_scale_factor": 2}
DESK = {"viewport": {"width": 1280, "height": 900}}
#: what Telegram's script does for a page, as far as ours ask for it; calls are noted in `calls`
TELEGRAM = """
window.calls = [];
const note = (name) => (...args) => {
  window.calls.push([name, ...args.filter((one) => typeof one !== "function")]);
};
const button = (name) => ({
  setText: note(name + ".setText"), show: note(name + ".show"), hide: note(name + ".hide"),
  enable: note(name + ".enable"), disable: note(name + ".disable"),
  showProgress: note(name + ".showProgress"), hideProgress: note(name + ".hideProgress"),
  setParams: note(name + ".setParams"),
  onClick(press) { window.calls.push([name + ".onClick"]); this.press = press; },
});
const version = new URLSearchParams(location.hash.slice(1)).get("tgWebAppVersion");
window.Telegram = { WebApp: {
  initData: "", colorScheme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
  themeParams: {}, safeAreaInset: {}, contentSafeAreaInset: {},
  ready: note("ready"), expand: note("expand"), close: note("close"), onEvent: note("onEvent"),
  disableVerticalSwipes: note("disableVerticalSwipes"),
  enableClosingConfirmation: note("enableClosingConfirmation"),
  disableClosingConfirmation: note("disableClosingConfirmation"),
  isVersionAtLeast: (least) => !(parseFloat(version) < parseFloat(least)),
  shareMessage: note("shareMessage"),
  HapticFeedback: { selectionChanged: note("haptic") },
  MainButton: button("MainButton"), BackButton: button("BackButton"),
} };
"""
WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(event.violatedDirective + " " + event.blockedURI));
"""


@dataclass
class Visit:
    """One page that is open.

    Attributes:
        page: of Playwright.
        foreign: addresses outside of the bot that the page asked for.
        errors: what its console said went wrong.
    """

    page: Page
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def find_accessibility_faults(self) -> list[str]:
        """What axe finds."""
        await self.page.evaluate(AXE.read_text())
        found = await self.page.evaluate("axe.run({resultTypes: ['violations']})")
        return [
            f"{one['id']}: {node['html'][:200]}"
            for one in found["violations"]
            for node in one["nodes"]
        ]

    async def is_safe(self) -> None:
        """No policy was broken, and nothing foreign was asked for but Telegram's script."""
        assert await self.page.evaluate("window.violations") == []
        assert set(self.foreign) <= {TELEGRAM_SCRIPT}
        assert self.errors == []


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """A browser; skips where none is installed."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(
    browser: Browser, address: str, *, has_telegram: bool = True, **options: Any
) -> AsyncIterator[Visit]:
    """Open *address*; without Telegram, its script does not arrive."""
    context: BrowserContext = await browser.new_context(**(DESK | options))
    await context.add_init_script(WATCH)
    page = await context.new_page()
    visit = Visit(page)

    async def reach(route: Route) -> None:
        url = route.request.url
        if url.startswith("http://127.0.0.1:"):
            await route.continue_()
            return
        visit.foreign.append(url)
        if has_telegram and url == TELEGRAM_SCRIPT:
            await route.fulfill(body=TELEGRAM, content_type="text/javascript")
        else:
            await route.abort()

    await context.route("**/*", reach)
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    try:
        await page.goto(address)
        yield visit
    finally:
        await context.close()


async def take_picture(page: Page, path: Path, **options: Any) -> None:
    """Keep what is seen, as a JPEG."""
    await page.screenshot(path=path, type="jpeg", quality=80, **options)
