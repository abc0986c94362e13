"""What the editor shows is where the renderer puts it: the page's geometry against ours."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Route

from bot.web.site import FOLDER
from tests.bot.support.browser import browsing
from tests.support.make_clips import HD, drawn, make_clip
from video_editing.cli.arguments import format_options
from video_editing.cli.main import main
from video_editing.compositing.layout import (
    ASPECTS,
    compute_canvas_size,
    compute_layout,
    compute_top_left,
)
from video_editing.contract.style import Anchor, Shape, Style

GREEN = (0, 177, 64)
SIZES = ((320, 320), (1080, 1920), (1920, 1080), (641, 361), (4096, 2160), (63, 999))
MEASURE = """
async (cases) => {
  const { canvasSize, computeLayout, computeTopLeft, placeAt } = await import("/layout.js");
  return cases.map(([aspect, source, clip, look, face]) => {
    const canvas = canvasSize(aspect, source);
    const layout = computeLayout(clip, look, face, canvas);
    const place = computeTopLeft(layout.view, look, canvas);
    const again = placeAt(place, layout.view, look.shape, canvas, 0);
    const kept = computeTopLeft(layout.view, { ...look, ...again }, canvas);
    return { canvas, ...layout, place, again: kept };
  });
}
"""


@pytest.fixture
async def measure() -> AsyncIterator[Any]:
    """A function of the page's own module, in a browser."""
    async with browsing() as browser:
        page = await browser.new_page()
        contents = {
            "http://x/": ("<p>", "text/html"),
            "http://x/layout.js": ((FOLDER / "editor/layout.js").read_text(), "text/javascript"),
        }

        async def serve(route: Route) -> None:
            body, kind = contents[route.request.url]
            await route.fulfill(body=body, content_type=kind)

        await page.route("**", serve)
        await page.goto("http://x/")

        async def measured(cases: list[Any]) -> list[dict[str, Any]]:
            return list(await page.evaluate(MEASURE, cases))

        yield measured


def draw_looks(count: int, seed: int) -> list[dict[str, Any]]:
    """Looks of all kinds, some of them far outside."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    return [
        {
            "shape": chance.choice(list(Shape)).value,
            "anchor": chance.choice(list(Anchor)).value,
            "offset": [chance.choice([0, chance.uniform(-0.6, 0.6)]) for _ in range(2)],
            "size": round(chance.uniform(0.1, 2), 3),
            "shadow": chance.choice([0, 0.5]),
        }
        for _ in range(count)
    ]


def style_of(look: dict[str, Any], **more: Any) -> Style:
    """The style for the renderer."""
    given = {name: look[name] for name in ("shape", "offset", "size", "shadow")}
    return Style(position=look["anchor"], **given, **more)


async def test_the_page_computes_what_the_renderer_does(measure: Any) -> None:
    """For six hundred layouts to the last digit; and what is dragged somewhere stays there."""
    chance = random.Random(5)  # noqa: S311 - the same each time
    cases = [
        (
            chance.choice(["auto", *ASPECTS]),
            chance.choice(SIZES),
            chance.choice(SIZES),
            look,
            (chance.random(), chance.random()),
        )
        for look in draw_looks(600, 7)
    ]
    for (aspect, source, clip, look, face), found in zip(cases, await measure(cases), strict=True):
        style = style_of(look)
        canvas = compute_canvas_size(None if aspect == "auto" else aspect, 1080, source)
        centre = face if look["shape"] == "circle" else (0.5, 0.5)
        layout = compute_layout(clip, style, centre, canvas)
        left, top = compute_top_left(layout, style, canvas)
        assert tuple(found["canvas"]) == canvas
        assert tuple(found["box"]) == (
            layout.box.left,
            layout.box.top,
            layout.box.width,
            layout.box.height,
        )
        assert tuple(found["view"]) == layout.view
        assert found["centre"] == pytest.approx(layout.centre)
        assert found["radius"] == pytest.approx(layout.radius)
        assert found["margin"] == layout.margin
        assert tuple(found["place"]) == (left + layout.margin, top + layout.margin)
        assert found["again"] == found["place"]


def find_box(picture: Path) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is not green."""
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    seen = np.abs(pixels - GREEN).max(axis=2) > 90
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


async def test_a_preview_shows_it_where_the_page_does(measure: Any, tmp_path: Path) -> None:
    """`overlay preview` of twenty layouts, within a pixel on each side."""
    white = (np.full_like(picture, 255) for picture in drawn(2, (320, 180)))
    clip = make_clip(tmp_path / "clip.mp4", white, colours=HD)
    looks = [look | {"shadow": 0} for look in draw_looks(20, 11)]
    cases = [("auto", (320, 180), (320, 180), look, (0.5, 0.5)) for look in looks]
    worst = 0
    for number, (look, found) in enumerate(zip(looks, await measure(cases), strict=True)):
        picture = tmp_path / f"{number}.jpg"
        words = format_options(style_of(look, keep_background=True))
        given = ["preview", str(clip), f"--output={picture}", "--background=#00b140", *words]
        assert main([*given, "--progress=none"]) == 0
        (left, top), (width, height) = found["place"], found["view"]
        if look["shape"] == "circle":
            left, top = (
                found["place"][axis] + found["centre"][axis] - found["radius"] for axis in (0, 1)
            )
            width = height = 2 * found["radius"]
        expected = (max(0, left), max(0, top), min(320, left + width), min(180, top + height))
        worst = max(worst, *(abs(a - b) for a, b in zip(find_box(picture), expected, strict=True)))
    assert worst <= 1
