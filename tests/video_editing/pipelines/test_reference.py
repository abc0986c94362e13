"""Reference pictures: what a result shows at one moment, and how far another one is from it."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.make_clips import drawn, make_clip
from tests.support.overlay_command import overlay
from tests.support.person_clips import film_of_eileen
from video_editing.compositing.background import open_background
from video_editing.compositing.composition import Composition
from video_editing.contract.style import Style
from video_editing.pipelines.edit import edit
from video_editing.pipelines.reference import choose_moment, measure_difference
from video_editing.pipelines.render_parts import RenderedParts, render_parts
from video_editing.reading.probe import Clip, ClipLimits, probe

CANVAS = (320, 240)
STYLE = Style(keep_background=True, ring=0.05, centre=(0.5, 0.5))
SOURCES = ("teal", "blur", "film")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Half a second of Eileen at 24 frames a second."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return probe(film_of_eileen(path, 12, side=240, rate=24))


@pytest.fixture(scope="module", params=SOURCES)
def rendered(
    request: pytest.FixtureRequest, clip: Clip, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RenderedParts, Clip]:
    """The parts over a background, and our own result."""
    folder, source = tmp_path_factory.mktemp("parts"), request.param
    if source == "film":
        source = str(make_clip(folder / "film.mp4", drawn(6)))
    composition, background = Composition(clip, STYLE), open_background(source, ClipLimits())
    parts = render_parts(composition, folder / "parts", background, CANVAS)
    edit(composition, folder / "result.mp4", background, CANVAS)
    return parts, probe(folder / "result.mp4")


def test_our_result_is_as_expected(rendered: tuple[RenderedParts, Clip]) -> None:
    """Inside the overlay's box and around it."""
    parts, result = rendered
    reference = parts["reference"]
    box = (parts["box"][0], parts["box"][1], parts["box"][2], parts["box"][3])
    difference = measure_difference(result, reference["seconds"], Path(reference["expected"]), box)
    assert max(difference) < 0.03


def test_an_inverted_overlay_differs_in_its_box(rendered: tuple[RenderedParts, Clip]) -> None:
    """By far more than two encoders do; around the box it is the same."""
    parts, result = rendered
    reference = parts["reference"]
    box = (parts["box"][0], parts["box"][1], parts["box"][2], parts["box"][3])
    difference = measure_difference(result, reference["seconds"], Path(reference["inverted"]), box)
    assert difference.inside > 0.1
    assert difference.outside < 0.03


def test_the_moment_is_the_middle_of_a_frame_after_the_fade() -> None:
    """A second later, or in the middle of a short clip."""
    assert choose_moment(Fraction(10), Fraction(24), 0) == Fraction(49, 48)
    assert choose_moment(Fraction(10), Fraction(24), 2) == Fraction(145, 48)
    assert choose_moment(Fraction(1), Fraction(24), 2) == Fraction(25, 48)


@pytest.mark.parametrize("box", ["0,0,240,240", "9999,9999,5,5", "-50,-50,1,1"])
def test_probe_prints_the_difference(clip: Clip, tmp_path: Path, box: str) -> None:
    """Also for a box that is not in the picture; a clip equals its own thumbnail."""
    thumbnail = tmp_path / "middle.jpg"
    assert overlay("probe", clip.path, "--thumbnail", thumbnail).returncode == 0
    at = float(clip.times[len(clip.times) // 2] * clip.timebase)
    ran = overlay(
        *("probe", clip.path, "--compare", thumbnail, f"--at={at}", f"--box={box}"),
        "--progress=json",
    )
    fields = json.loads(ran.stdout.splitlines()[-1])
    assert fields["inside"] < 0.03
    assert fields["outside"] < 0.03
