"""What the editor shows is where the renderer puts it: the page's geometry against ours."""

import json
import random
from base64 import b64decode
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.async_api import Page, Route

from bot.web.site import FOLDER
from tests.bot.support.browser import browsing
from tests.support.make_clips import HD, drawn, make_clip
from tests.support.person_clips import film_of_eileen
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


class ModulePage:
    """An empty page that can import the editor's own modules.

    Attributes:
        files: what it may load, by path, with the type.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self.files = {
            f"/{path.name}": (path, "text/javascript") for path in (FOLDER / "editor").glob("*.js")
        }

    async def open(self) -> None:
        """Begin to serve files."""
        await self._page.route("**", self._serve)
        await self._page.goto("http://x/")

    async def evaluate(self, program: str, given: object) -> Any:
        """What a function of the page returns."""
        return await self._page.evaluate(program, given)

    async def _serve(self, route: Route) -> None:
        path, kind = self.files.get(urlsplit(route.request.url).path, (None, "text/html"))
        await route.fulfill(body=path.read_bytes() if path else "<p>", content_type=kind)


@pytest.fixture
async def page() -> AsyncIterator[ModulePage]:
    """In a browser."""
    async with browsing() as browser:
        made = ModulePage(await browser.new_page())
        await made.open()
        yield made


@pytest.fixture
def measure(page: ModulePage) -> Any:
    """A function of the page's own module, in a browser."""

    async def measured(cases: list[Any]) -> list[dict[str, Any]]:
        return list(await page.evaluate(MEASURE, cases))

    return measured


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


def seen_box(shape: str, found: dict[str, Any]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the part of the shape that is on the canvas."""
    (left, top), canvas = found["place"], found["canvas"]
    half = [length / 2 for length in found["view"]]
    middle = [left + half[0], top + half[1]]
    if shape == "circle":
        middle = [left + found["centre"][0], top + found["centre"][1]]
        beyond = [max(0, -one, one - end) for one, end in zip(middle, canvas, strict=True)]
        half = [(found["radius"] ** 2 - beyond[1 - axis] ** 2) ** 0.5 for axis in (0, 1)]
    (low_x, high_x), (low_y, high_y) = (
        (max(0, middle[axis] - half[axis]), min(canvas[axis], middle[axis] + half[axis]))
        for axis in (0, 1)
    )
    return low_x, low_y, high_x, high_y


async def test_a_preview_shows_it_where_the_page_does(measure: Any, tmp_path: Path) -> None:
    """`overlay preview` of twenty layouts in all formats, within a pixel on each side."""
    white = (np.full_like(picture, 255) for picture in drawn(2, (320, 180)))
    clip = make_clip(tmp_path / "clip.mp4", white, colours=HD)
    looks = [look | {"shadow": 0} for look in draw_looks(20, 11)]
    formats = [("auto", *ASPECTS)[number % 5] for number in range(20)]
    cases = [
        (canvas, (320, 180), (320, 180), look, (0.5, 0.5))
        for canvas, look in zip(formats, looks, strict=True)
    ]
    worst = 0
    for number, ((canvas, _, _, look, _), found) in enumerate(
        zip(cases, await measure(cases), strict=True)
    ):
        picture = tmp_path / f"{number}.jpg"
        words = [*format_options(style_of(look, keep_background=True)), f"--canvas={canvas}"]
        given = ["preview", str(clip), f"--output={picture}", "--background=#00b140", *words]
        assert main([*given, "--progress=none"]) == 0
        expected = seen_box(look["shape"], found)
        worst = max(worst, *(abs(a - b) for a, b in zip(find_box(picture), expected, strict=True)))
    assert worst <= 1


DRAW = """
async ({ look, layers, images }) => {
  const { Scene } = await import("/scene.js");
  const load = async (name) => createImageBitmap(await (await fetch("/" + name)).blob());
  const loaded = {};
  for (const name of images) loaded[name] = await load(name + ".webp");
  const stage = document.createElement("canvas");
  document.body.replaceChildren(stage);
  const scene = new Scene(stage, layers, loaded);
  scene.fit = ([width, height]) => {
    stage.width = width;
    stage.height = height;
    return 1;
  };
  scene.draw(look, { rings: { white: "white" }, colours: { green: "#00b140" } });
  return stage.toDataURL("image/png");
}
"""
LOOKS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "a soft edge": {"feather": 9, "size": 0.8},
    "a wide soft edge in a rectangle": {"feather": 25, "shape": "rect", "size": 0.8},
    "a ring of any colour": {
        "shape": "circle",
        "ring": "white",
        "ring_colour": "#00aaff",
        "ring_width": 0.04,
    },
    "its own background": {"keep_background": True, "shape": "rounded"},
    "over the blurred clip, as a story": {"background": "blur", "canvas": "9:16", "shadow": 0.6},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LOOKS)
async def test_the_page_draws_what_a_preview_shows(
    name: str, page: ModulePage, tmp_path: Path
) -> None:
    """Within three levels of 255 on average; nearly everywhere within 22, in brightness within 16.

    A JPEG has colours at half the size, so those of a thin ring differ more at its edges.
    """
    look = {
        "shape": "none", "ring": "none", "ring_width": 0.02, "ring_colour": None, "shadow": 0,
        "feather": 0, "keep_background": False, "anchor": "bottom-right", "offset": [0, 0],
        "size": 0.5, "background": "green", "canvas": "auto",
    } | LOOKS[name]  # fmt: skip
    clip, card = film_of_eileen(tmp_path / "c.mp4", 3, side=480), tmp_path / "card.jpg"
    style = style_of(
        look,
        ring=look["ring_width"] if look["ring"] != "none" else 0,
        ring_colour=look["ring_colour"] or "white",
        **{key: look[key] for key in ("feather", "keep_background")},
    )
    background = "blur" if look["background"] == "blur" else "#00b140"
    given = [f"--background={background}", f"--canvas={look['canvas']}", *format_options(style)]
    files = ["preview", str(clip), f"--output={card}", f"--layers={tmp_path / 'layers'}"]
    assert main([*files, *given, "--progress=none"]) == 0
    layers = json.loads((tmp_path / "layers" / "layers.json").read_text())
    images = ["person", "frame", "background"]
    for image in images:
        page.files[f"/{image}.webp"] = (tmp_path / "layers" / f"{image}.webp", "image/webp")
    address = await page.evaluate(DRAW, {"look": look, "layers": layers, "images": images})
    with (
        Image.open(BytesIO(b64decode(address.partition(",")[2]))) as drawn_by_page,
        Image.open(card) as expected,
    ):
        assert drawn_by_page.size == expected.size
        colours, brightness = (
            np.abs(
                np.asarray(drawn_by_page.convert(mode), int)
                - np.asarray(expected.convert(mode), int)
            )
            for mode in ("RGB", "L")
        )
    print(name, colours.max(axis=2).mean(), np.percentile(brightness, 99))  # noqa: T201 - for whoever runs it with -s
    assert colours.max(axis=2).mean() < 3
    assert look["ring"] != "none" or np.percentile(colours.max(axis=2), 99) <= 22
    assert np.percentile(brightness, 99) <= 16
