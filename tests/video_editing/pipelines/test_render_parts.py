"""Parts for a renderer elsewhere: composed, they equal the result of our own compositor."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support.make_clips import HD, drawn, make_clip
from tests.support.overlay_command import overlay
from tests.support.paths import ROOT
from tests.support.person_clips import film_of_eileen
from video_editing.compositing.background import open_background
from video_editing.compositing.composition import Composition
from video_editing.contract.style import Style
from video_editing.frames import Timed
from video_editing.pipelines.edit import edit
from video_editing.pipelines.render_parts import (
    AlphaFormat,
    ConstantRate,
    PartsOptions,
    RenderedParts,
    find_visible_box,
    render_parts,
)
from video_editing.reading.probe import Clip, ClipLimits, probe

CANVAS = (320, 240)
STYLE = Style(keep_background=True, ring=0.05, shadow=0.5, centre=(0.5, 0.5))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Half a second of Eileen at 24 frames a second, with a voice."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return probe(film_of_eileen(path, 12, side=240, rate=24, tone=330))


def render(
    clip: Clip, folder: Path, source: str = "teal", alpha_format: AlphaFormat = AlphaFormat.LUMA
) -> RenderedParts:
    behind = open_background(source, ClipLimits())
    options = PartsOptions(Fraction(24), alpha_format)
    return render_parts(Composition(clip, STYLE), folder, behind, CANVAS, options)


def rgb(path: object, pixels: str = "rgb24") -> list[NDArray[np.float32]]:
    """All frames of a file, 0–1."""
    with av.open(str(path)) as file:
        frames = [frame.to_ndarray(format=pixels) for frame in file.decode(video=0)]
    return [np.asarray(frame / 255, np.float32) for frame in frames]


def test_parts_composed_are_our_own_result(clip: Clip, tmp_path: Path) -> None:
    """With ring, shadow and position, up to the loss of two encoders."""
    parts = render(clip, tmp_path)
    left, top, width, height = parts["box"]
    teal = open_background("teal", ClipLimits())
    edit(Composition(clip, STYLE), tmp_path / "r.mp4", teal, CANVAS)
    for colours, mask, ours in zip(
        rgb(parts["overlay"]), rgb(parts["luma"]), rgb(tmp_path / "r.mp4"), strict=True
    ):
        canvas = np.empty((*CANVAS[::-1], 3), np.float32)
        canvas[:] = (0, 128 / 255, 128 / 255)
        part = canvas[top : top + height, left : left + width]
        part[:] = mask * colours + (1 - mask) * part
        assert np.abs(canvas - ours).mean() < 0.012


@pytest.mark.parametrize("alpha_format", [AlphaFormat.MOV, AlphaFormat.WEBM])
def test_alpha_in_the_file_equals_the_luma_file(
    clip: Clip, tmp_path: Path, alpha_format: AlphaFormat
) -> None:
    """In every format."""
    beside, inside = render(clip, tmp_path), render(clip, tmp_path, alpha_format=alpha_format)
    assert inside["luma"] is None
    if alpha_format is AlphaFormat.WEBM:
        assert str(inside["overlay"]).endswith(".webm")
        return
    for mask, cutout in zip(rgb(beside["luma"]), rgb(inside["overlay"], "rgba"), strict=True):
        assert np.abs(mask[..., 0] - cutout[: mask.shape[0], : mask.shape[1], 3]).mean() < 0.012


def test_an_inverted_luma_is_black_where_the_overlay_is_seen(clip: Clip, tmp_path: Path) -> None:
    """Otherwise the parts are the same."""
    white = render(clip, tmp_path / "a")
    black = render(clip, tmp_path / "b", alpha_format=AlphaFormat.LUMA_INVERTED)
    for seen, hidden in zip(rgb(white["luma"]), rgb(black["luma"]), strict=True):
        assert np.abs(seen + hidden - 1).mean() < 0.012
    assert Path(white["overlay"]).read_bytes() == Path(black["overlay"]).read_bytes()


@pytest.mark.parametrize(
    ("source", "kind"),
    [("#F80", "colour"), ("Teal", "colour"), ("blur", "film"), ("film", "film"), ("p", "picture")],
)
def test_the_background_is_described(clip: Clip, tmp_path: Path, source: str, kind: str) -> None:
    """A colour by value, a video by its path, a picture and the blurred clip as new files."""
    if source == "film":
        source = str(make_clip(tmp_path / "film.mp4", drawn(6), colours=HD))
    if source == "p":
        source = str(ROOT / "docs" / "demo.jpg")
    described = render(clip, tmp_path / "parts", source)["background"]
    assert kind in described
    if kind == "colour":
        assert described == {"colour": "#ff8800" if source.startswith("#") else "#008080"}
    elif source == "blur":
        assert described == {
            "film": str(tmp_path / "parts/blur.mp4"),
            "seconds": 0.5,
            "sound": False,
        }
    elif kind == "film":
        assert described == {"film": source, "seconds": pytest.approx(0.2), "sound": False}
    else:
        assert probe_size(described["picture"]) == CANVAS


def test_an_animated_picture_becomes_a_film(clip: Path, tmp_path: Path) -> None:
    """Of the canvas's size and the overlay's length, since it is no video that renderers read."""
    first, second = (Image.new("RGB", CANVAS, name) for name in ("red", "blue"))
    path = tmp_path / "moves.webp"
    first.save(path, save_all=True, append_images=[second], duration=200, lossless=True)
    described = render(clip, tmp_path / "parts", str(path))["background"]
    assert described["seconds"] == 0.5
    film = rgb(Path(str(described["film"])))
    assert film[0].shape[:2] == CANVAS[::-1]
    assert [int(film[n].mean((0, 1)).argmax()) for n in (0, -1)] == [0, 0]
    assert int(film[len(film) // 2].mean((0, 1)).argmax()) == 2


def probe_size(path: object) -> tuple[int, int]:
    height, width, _ = rgb(path)[0].shape
    return width, height


@pytest.mark.parametrize(
    ("corner", "size", "box"),
    [
        ((10, 20), (40, 50), (10, 20, 40, 50)),
        ((-10, -20), (40, 50), (0, 0, 30, 30)),
        ((300, 200), (40, 50), (300, 200, 20, 40)),
        ((-100, 400), (400, 50), (0, 400, 300, 2)),
        ((-60, 0), (40, 50), (-22, 0, 2, 50)),
    ],
)
def test_an_overlay_is_cropped_to_the_canvas(
    corner: tuple[int, int], size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    """Two lines remain of an overlay outside it."""
    assert find_visible_box(corner, size, CANVAS) == box


def test_a_clip_of_constant_rate_keeps_its_frames() -> None:
    """At its own rate each frame comes once."""
    items = [Timed(i * 512, i) for i in range(24)]
    resampled = ConstantRate(Fraction(24), 24).resample(iter(items), Fraction(1, 12288))
    assert [(it.time, it.value) for it in resampled] == [(i, i) for i in range(24)]


def test_a_clip_of_variable_rate_gets_a_constant_one() -> None:
    """A long frame is repeated; of frames within one tick the last is used."""
    items = [Timed(time, time) for time in (0, 10, 100, 101, 102, 150)]
    resampled = list(ConstantRate(Fraction(25), 5).resample(iter(items), Fraction(1, 1000)))
    assert [it.value for it in resampled] == [10, 10, 100, 102, 150]
    assert [it.time for it in resampled] == [0, 1, 2, 3, 4]


def test_a_video_is_probed(clip: Clip, tmp_path: Path) -> None:
    """Its size, length, rate and sound, and a thumbnail."""
    result = overlay("probe", clip.path, "--thumbnail", tmp_path / "t.jpg", "--progress", "json")
    found = json.loads(result.stdout)
    assert (found["width"], found["height"], found["rate"], found["sound"]) == (240, 240, 24, True)
    assert found["seconds"] == pytest.approx(0.5, abs=0.02)
    assert probe_size(tmp_path / "t.jpg") == (240, 240)
