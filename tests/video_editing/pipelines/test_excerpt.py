"""A part of a clip: picture, sound, mattes and preview are those of the whole clip there."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.support.decode_media import HEARD, heard, rgb, times
from tests.support.person_clips import film_of_eileen
from video_editing.compositing.background import open_background
from video_editing.compositing.composition import Composition, open_mattes
from video_editing.contract.engines import DEFAULT_ENGINE
from video_editing.contract.excerpt import Excerpt, find_span
from video_editing.contract.formats import OutputFormat
from video_editing.contract.plan import make_plan, write_plan
from video_editing.contract.progress import ignore
from video_editing.contract.style import Shape, Style
from video_editing.matting.engines import create_engine
from video_editing.matting.matte_stream import write_missing_segments
from video_editing.pipelines.cut import cut
from video_editing.pipelines.edit import edit
from video_editing.pipelines.matte import write_final_matte
from video_editing.pipelines.render_parts import render_parts
from video_editing.reading.probe import Clip, ClipLimits, probe

PART = Excerpt(start=0.4, end=1.2)
FIRST, LAST = 10, 30  #: frames of the part, at 25 a second
OPAQUE = Style(shape=Shape.RECT, keep_background=True, size=1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """A person of 40 frames, with sound."""
    path = tmp_path_factory.mktemp("clips") / "eileen.mp4"
    return probe(film_of_eileen(path, 40, side=160, tone=330))


@pytest.fixture(scope="module")
def mattes(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stored mattes of the segments with the part alone."""
    folder = tmp_path_factory.mktemp("mattes")
    plan = make_plan(clip, segment_seconds=Fraction(1, 4)).select_span(find_span(clip, PART))
    assert 0 < plan.frames < len(clip.times)
    write_plan(plan, folder)
    write_missing_segments(clip, plan, folder, create_engine(DEFAULT_ENGINE, clip), ignore)
    return folder


def collect(composition: Composition) -> list[tuple[int, bytes, bytes]]:
    """Return the time, the picture and the matte of each used frame."""
    with open_mattes(composition) as (pairs, _):
        return [
            (frame.time, frame.value.y.tobytes(), b"" if matte is None else matte.tobytes())
            for frame, matte in pairs
        ]


@pytest.mark.parametrize("way", ["computed", "stored", "final", "none"])
def test_frames_and_mattes_are_those_of_the_whole_clip(
    clip: Clip, mattes: Path, tmp_path: Path, way: str
) -> None:
    """However the mattes come; times begin at 0."""
    stored = None
    if way == "stored":
        stored = mattes
    elif way == "final":
        stored = tmp_path / "matte.mkv"
        write_final_matte(Composition(clip), stored)
    whole = Composition(
        clip, OPAQUE if way == "none" else Style(), mattes=None if way == "stored" else stored
    )
    part = Composition(clip, whole.style, mattes=stored, excerpt=PART)
    start = clip.times[FIRST]
    expected = [(time - start, *rest) for time, *rest in collect(whole)[FIRST:LAST]]
    assert collect(part) == expected


def test_the_result_has_the_part_alone(clip: Clip, tmp_path: Path) -> None:
    """Its frames, from 0 on, and as much of the sound."""
    background, paths = open_background("#204060", ClipLimits()), []
    for name, excerpt in (("whole", Excerpt()), ("part", PART)):
        paths.append(tmp_path / f"{name}.mp4")
        composition = Composition(clip, OPAQUE, excerpt=excerpt)
        info = edit(composition, paths[-1], background, (160, 160))
    assert info.seconds == pytest.approx(0.8)
    assert times(paths[1]) == times(paths[0])[: LAST - FIRST]
    for before, after in zip(rgb(paths[0])[FIRST:LAST], rgb(paths[1]), strict=True):
        assert np.abs(before.astype(int) - after).mean() < 5
    assert len(heard(paths[1]).samples) == pytest.approx(0.8 * HEARD, abs=400)  # an AAC frame


def test_a_cut_has_the_part_alone(clip: Clip, tmp_path: Path) -> None:
    """With the sound of that time, bit by bit."""
    cut(Composition(clip, OPAQUE), tmp_path / "whole.mov", OutputFormat.MOV)
    cut(Composition(clip, OPAQUE, excerpt=PART), tmp_path / "part.mov", OutputFormat.MOV)
    assert len(times(tmp_path / "part.mov")) == LAST - FIRST
    whole = heard(tmp_path / "whole.mov").samples[round(0.4 * HEARD) : round(1.2 * HEARD)]
    difference = np.abs(heard(tmp_path / "part.mov").samples - whole)[200:-200]
    assert difference.max() < 1e-3  # the resampler's ends aside


def test_the_parts_of_a_renderer_elsewhere_have_the_part_alone(clip: Clip, tmp_path: Path) -> None:
    """The overlay and the blurred background."""
    composition = Composition(clip, OPAQUE, excerpt=PART)
    background = open_background("blur", ClipLimits())
    parts = render_parts(composition, tmp_path / "parts", background, (160, 160))
    assert parts["seconds"] == pytest.approx(0.8)
    for name in ("overlay.mp4", "luma.mp4", "blur.mp4"):
        assert len(times(tmp_path / "parts" / name)) == LAST - FIRST
    voice = heard(tmp_path / "parts" / "overlay.mp4").samples
    assert len(voice) == pytest.approx(0.8 * HEARD, abs=400)


def test_a_fade_ends_with_the_part(clip: Clip) -> None:
    """Not with the clip."""
    style = OPAQUE.model_copy(update={"fade": 0.2})
    composition = Composition(clip, style, excerpt=PART)
    with composition.open_frames(composition.compute_layout((160, 160)), "edit", ignore) as frames:
        alphas = [int(frame.overlay.alpha.max()) for frame in frames]
    assert alphas[0] == 0
    assert alphas[-1] < 128 < alphas[10]
