"""The edit: colours, fading, positions, formats, sizes and stored mattes, in decoded results."""

import os
import shutil
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.decode_media import heard, rgb, times
from tests.support.make_clips import HD, drawn, make_clip
from tests.support.person_clips import film_of_eileen
from video_editing.compositing.background import open_background
from video_editing.compositing.composition import Composition, open_mattes
from video_editing.compositing.layout import compute_layout, compute_top_left
from video_editing.contract.engines import DEFAULT_ENGINE
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.formats import OutputFormat
from video_editing.contract.plan import make_plan, write_plan
from video_editing.contract.progress import Progress, Report, ignore
from video_editing.contract.style import Anchor, Shape, Style
from video_editing.frames import Box
from video_editing.matting.engines import create_engine
from video_editing.matting.matte_stream import write_missing_segments
from video_editing.pipelines.edit import DEFAULT_RESULT, Encoder, ResultOptions, edit
from video_editing.pipelines.matte import write_final_matte
from video_editing.reading.probe import ClipLimits, probe

KEEP_BACKGROUND = Style(keep_background=True)


@pytest.fixture(scope="module")
def eileen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of a person, with sound."""
    return film_of_eileen(tmp_path_factory.mktemp("clips") / "eileen.mp4", 30, tone=330)


def run_edit(
    clip: Path,
    result: Path,
    background: str = "#204060",
    *,
    style: Style = KEEP_BACKGROUND,
    mattes: Path | None = None,
    options: ResultOptions = DEFAULT_RESULT,
    report: Report = ignore,
) -> Path:
    """Return the result of an edit onto 320 × 240."""
    composition = Composition(probe(clip), style, mattes=mattes)
    opened = open_background(background, ClipLimits())
    edit(composition, result, opened, (320, 240), options, report)
    return result


@pytest.mark.parametrize("frames", [5, 40])
def test_the_choice_of_an_encoder_loses_no_frame(tmp_path: Path, frames: int) -> None:
    """A trial sees the first frames; without a GPU the result is the same.

    But for x264's rate control, which depends a little on how fast frames come.
    """
    clip = film_of_eileen(tmp_path / "clip.mp4", frames, side=160)
    for encoder in Encoder:
        run_edit(clip, tmp_path / f"{encoder}.mp4", options=ResultOptions(encoder=encoder))
    chosen, same = tmp_path / "auto.mp4", tmp_path / "cpu.mp4"
    assert len(times(chosen)) == frames
    assert times(chosen) == times(same)
    for one, other in zip(rgb(chosen), rgb(same), strict=True):
        assert np.abs(one.astype(int) - other).mean() < 1


def test_a_colour_comes_out_as_that_colour(tmp_path: Path, eileen: Path) -> None:
    """To two levels in R'G'B', in every frame, beside the overlay."""
    style = KEEP_BACKGROUND.model_copy(update={"position": Anchor.RIGHT})
    for frame in rgb(run_edit(eileen, tmp_path / "r.mp4", "#16697a", style=style)):
        assert np.abs(frame[:, :140].astype(int) - (0x16, 0x69, 0x7A)).max() <= 2


def test_the_circle_shows_the_clip_and_the_colour_around_it(tmp_path: Path) -> None:
    """The clip's pixels at their position and scale, up to H.264's loss."""
    clip = make_clip(tmp_path / "c.mp4", drawn(5, (320, 240)), colours=HD, options={"qp": "0"})
    style = Style(keep_background=True, centre=(0.4, 0.5), position=Anchor.TOP_LEFT, size=0.7)
    layout = compute_layout((320, 240), style, (0.4, 0.5), (320, 240))
    left, top = compute_top_left(layout, style, (320, 240))
    box = layout.box
    assert layout.view == (box.width, box.height)  # the clip's own scale
    y, x = np.mgrid[:240, :320] + 0.5
    away = np.hypot(x - (left + 0.4 * 320 - box.left), y - (top + 0.5 * 240 - box.top)) - 0.35 * 240
    for before, after in zip(
        rgb(clip), rgb(run_edit(clip, tmp_path / "r.mp4", style=style)), strict=True
    ):
        moved = np.roll(before, (top - box.top, left - box.left), (0, 1))
        inside = np.abs(after.astype(int) - moved)[away < -3]
        assert inside.mean() < 4
        assert np.abs(after.astype(int) - (0x20, 0x40, 0x60))[away > 4].mean() < 1.5


def test_an_overlay_half_outside_is_cut_off(tmp_path: Path, eileen: Path) -> None:
    """Its right half begins at the edge."""
    style = Style(
        shape=Shape.RECT, keep_background=True, position=Anchor.LEFT, offset=(-0.375 - 7.2 / 320, 0)
    )
    frame = rgb(run_edit(eileen, tmp_path / "r.mp4", style=style.model_copy(update={"size": 1})))[0]
    assert np.abs(frame[:, 122:].astype(int) - (0x20, 0x40, 0x60)).max() <= 12
    assert np.abs(frame[:, :116].astype(int) - (0x20, 0x40, 0x60)).mean() > 30


def test_the_overlay_fades_in_and_out(tmp_path: Path, eileen: Path) -> None:
    """Only the background at first, the full overlay in the middle, little at the end."""
    style = KEEP_BACKGROUND.model_copy(update={"fade": 0.4, "shape": Shape.RECT, "size": 1})
    frames = rgb(run_edit(eileen, tmp_path / "r.mp4", style=style))
    visible = [np.abs(f.astype(int) - (0x20, 0x40, 0x60)).mean() for f in frames]
    assert visible[0] < 2
    assert visible[5] == pytest.approx(visible[15] / 2, rel=0.15)
    assert min(visible[10:20]) > 0.9 * visible[15]
    assert visible[-1] < 0.2 * visible[15]


def test_frames_keep_their_uneven_times(tmp_path: Path) -> None:
    """As in the clip, and the last one is shown as long."""
    ticks = [0, 1, 2, 10, 11, 40, 41, 60]
    clip = make_clip(tmp_path / "c.mp4", drawn(8), rate=60, times=ticks)
    assert times(run_edit(clip, tmp_path / "r.mp4")) == [Fraction(tick, 60) for tick in ticks]


@pytest.mark.parametrize("size", [(159, 121), (161, 90), (16, 16), (2, 300)])
@pytest.mark.parametrize("shape", Shape)
def test_clips_of_any_size_are_edited(tmp_path: Path, size: tuple[int, int], shape: Shape) -> None:
    """Odd ones, tiny ones and narrow ones, in every shape."""
    frames = (np.ascontiguousarray(picture) for picture in drawn(3, size))
    clip = make_clip(tmp_path / "c.mkv", frames, codec="ffv1", pixels="yuv444p")
    style = Style(keep_background=True, shape=shape, ring=0.05, shadow=0.5)
    result = rgb(run_edit(clip, tmp_path / "r.mp4", style=style))
    assert len(result) == 3
    assert result[0].shape == (240, 320, 3)


def test_the_person_is_cut_out_of_the_background(tmp_path: Path, eileen: Path) -> None:
    """Over green, the face is unchanged and the corner beside the head is green."""
    style = Style(shape=Shape.NONE, position=Anchor.CENTER)
    frame = rgb(run_edit(eileen, tmp_path / "r.mp4", "lime", style=style))[10].astype(int)
    assert np.abs(frame[5:25, 45:75] - (0, 255, 0)).mean() < 12
    assert np.abs(frame[40:70, 135:175] - (0, 255, 0)).mean() > 60


def test_a_clip_without_a_person_is_rejected(tmp_path: Path) -> None:
    """After its last frame; no file remains."""
    (tmp_path / "out").mkdir()
    clip = make_clip(tmp_path / "c.mp4", drawn(10))
    with pytest.raises(InputRejected) as rejected:
        run_edit(clip, tmp_path / "out" / "r.mp4", style=Style())
    assert rejected.value.reason is RejectReason.NO_PERSON
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "bg/ae_sound_over_plain_colour_noperson.mp4",
        "bg/ax_rooftops_360p_sound_noperson.mp4",
        "awkward/ax_two_hevc_tracks_rot_vfr_noperson.mp4",
    ],
)
def test_real_clips_without_a_person_are_rejected(media: Path, tmp_path: Path, name: str) -> None:
    """Rooftops and a timecode."""
    with pytest.raises(InputRejected) as rejected:
        run_edit(media / name, tmp_path / "r.mp4", style=Style())
    assert rejected.value.reason is RejectReason.NO_PERSON


def test_progress_rises_to_the_total(tmp_path: Path, eileen: Path) -> None:
    """A frame of the clip is one step."""
    reports: list[Progress] = []
    run_edit(eileen, tmp_path / "r.mp4", report=reports.append)
    assert [p.done for p in reports] == sorted(p.done for p in reports)
    assert {p.total for p in reports} == {30}
    assert reports[-1].done == 30


def write_mattes(clip: Path, folder: Path) -> Path:
    """Write the mattes of a clip to *folder*."""
    opened = probe(clip)
    plan = make_plan(opened, segment_seconds=Fraction(1, 2))
    write_plan(plan, folder)
    write_missing_segments(opened, plan, folder, create_engine(DEFAULT_ENGINE, opened), ignore)
    return folder


def alphas(clip: Path, mattes: Path | None) -> list[bytes]:
    """Return the alpha of each full frame, as the edit composites it."""
    opened = probe(clip)
    with open_mattes(Composition(opened, mattes=mattes)) as (pairs, alpha):
        frames = ((frame.value, matte) for frame, matte in pairs if matte is not None)
        box = Box(0, 0, *opened.size)
        return [alpha(matte, frame, box, frame.y).tobytes() for frame, matte in frames]


def test_segments_give_the_same_result_as_the_engine(tmp_path: Path, eileen: Path) -> None:
    """Bit by bit up to the encoder, whose threads are not deterministic."""
    style = Style(radius=0.45, feather=3)
    folder = write_mattes(eileen, tmp_path / "segments")
    assert len(list(folder.glob("*.mp4"))) > 1
    assert len(alphas(eileen, folder)) == 30
    assert alphas(eileen, None) == alphas(eileen, folder)
    one = rgb(run_edit(eileen, tmp_path / "one.mp4", style=style))
    other = rgb(run_edit(eileen, tmp_path / "other.mp4", style=style, mattes=folder))
    assert all(np.abs(a.astype(int) - b).mean() < 1 for a, b in zip(one, other, strict=True))


def test_a_final_matte_gives_nearly_the_same_result(tmp_path: Path, eileen: Path) -> None:
    """It is refined at the clip's size and then scaled."""
    style = Style(shape=Shape.NONE)
    write_final_matte(Composition(probe(eileen), style), tmp_path / "m.mkv")
    one = rgb(run_edit(eileen, tmp_path / "one.mp4", style=style))
    other = rgb(run_edit(eileen, tmp_path / "other.mp4", style=style, mattes=tmp_path / "m.mkv"))
    for a, b in zip(one, other, strict=True):
        assert np.abs(a.astype(int) - b).mean() < 2


def reject(clip: Path, result: Path, mattes: Path) -> RejectReason:
    with pytest.raises(InputRejected) as rejected:
        run_edit(clip, result, style=Style(), mattes=mattes)
    assert not result.exists()
    return rejected.value.reason


@pytest.mark.parametrize("frames", [29, 31])
def test_mattes_of_another_clip_are_rejected(tmp_path: Path, eileen: Path, frames: int) -> None:
    """One frame more or less is detected, in a folder and in a file."""
    other = film_of_eileen(tmp_path / "other.mp4", frames)
    write_final_matte(Composition(probe(other)), tmp_path / "m.mkv")
    for mattes in (write_mattes(other, tmp_path / "segments"), tmp_path / "m.mkv"):
        assert reject(eileen, tmp_path / "r.mp4", mattes) is RejectReason.BAD_MATTE


def test_mattes_of_another_size_are_rejected(tmp_path: Path, eileen: Path) -> None:
    """The same frames of a smaller clip."""
    other = film_of_eileen(tmp_path / "other.mp4", 30, side=256, tone=330)
    write_final_matte(Composition(probe(other)), tmp_path / "m.mkv")
    for mattes in (write_mattes(other, tmp_path / "segments"), tmp_path / "m.mkv"):
        assert reject(eileen, tmp_path / "r.mp4", mattes) is RejectReason.BAD_MATTE


def test_broken_mattes_are_rejected(tmp_path: Path, eileen: Path) -> None:
    """A segment missing, cut or empty, a text file, or no file."""
    complete = write_mattes(eileen, tmp_path / "segments")
    for name in ("missing", "cut", "empty", "planless"):
        shutil.copytree(complete, tmp_path / name)
    (tmp_path / "missing/00001.mp4").unlink()
    os.truncate(tmp_path / "cut/00001.mp4", 1000)
    os.truncate(tmp_path / "empty/00000.mp4", 0)
    (tmp_path / "planless/plan.json").unlink()
    (tmp_path / "words.mkv").write_text("no mattes")
    for name in ("missing", "cut", "empty", "planless", "words.mkv", "none.mkv"):
        assert reject(eileen, tmp_path / "r.mp4", tmp_path / name) is RejectReason.BAD_MATTE, name


def test_a_note_is_a_square_minute(tmp_path: Path) -> None:
    """The first 60 s of a longer clip, with sound."""
    clip = make_clip(tmp_path / "c.mp4", drawn(124, (64, 36)), rate=2, tone=300)
    note = run_edit(clip, tmp_path / "note.mp4", options=ResultOptions(OutputFormat.NOTE))
    with av.open(str(note)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (640, 640)
        assert container.duration is not None
        assert 59.5 <= container.duration / 1e6 <= 60.05
        assert len(container.streams.audio) == 1
    assert len(times(note)) == 120


def test_an_animation_has_no_sound(tmp_path: Path, eileen: Path) -> None:
    """Telegram treats it as an animation for that; frames and times are unchanged."""
    result = run_edit(eileen, tmp_path / "r.mp4", options=ResultOptions(OutputFormat.ANIMATION))
    assert heard(result) is None
    assert times(result) == [time - times(eileen)[0] for time in times(eileen)]


def test_a_gif_is_small_and_short(tmp_path: Path) -> None:
    """Its longer side at most 480, 15 pictures a second, 15 s."""
    moments = [*range(45), *range(435, 480)]  # at 30 a second, with 13 s between them
    clip = make_clip(tmp_path / "c.mp4", drawn(90, (64, 36)), rate=30, times=moments)
    style = KEEP_BACKGROUND.model_copy(update={"shape": Shape.RECT})
    result = tmp_path / "r.gif"
    black = open_background("black", ClipLimits())
    gif = ResultOptions(OutputFormat.GIF)
    edit(Composition(probe(clip), style), result, black, (1280, 720), gif)
    with av.open(str(result)) as container:
        stream = container.streams.video[0]
        frames = [frame.time for frame in container.decode(stream)]
        assert (stream.width, stream.height) == (480, 270)
        assert container.format.name == "gif"
    assert 14.5 <= frames[-1] < 15
    assert len(frames) == pytest.approx(31, abs=2)


@pytest.mark.parametrize("kilobytes", [400, 120, 60])
def test_a_result_is_not_larger_than_its_limit(
    tmp_path: Path, eileen: Path, kilobytes: int
) -> None:
    """Over noise, which compresses badly; all frames and the sound are present."""
    random = np.random.default_rng(5)
    noise = (random.integers(0, 256, (240, 320, 3), np.uint8) for _ in range(30))
    background_file = make_clip(tmp_path / "noise.mp4", noise, rate=25)
    result = run_edit(
        eileen,
        tmp_path / "r.mp4",
        str(background_file),
        options=ResultOptions(max_bytes=1000 * kilobytes),
    )
    assert result.stat().st_size <= 1000 * kilobytes
    assert len(times(result)) == 30
    assert heard(result) is not None
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_a_limit_too_small_for_any_picture_is_rejected(tmp_path: Path, eileen: Path) -> None:
    """No file remains."""
    with pytest.raises(InputRejected) as rejected:
        run_edit(eileen, tmp_path / "r.mp4", options=ResultOptions(max_bytes=3000))
    assert rejected.value.reason is RejectReason.DOES_NOT_FIT
    assert not list(tmp_path.iterdir())


PAUSES = {
    "pause": (Fraction(1, 30), [0, 1, 2, 62, 63, 64]),
    "few frames": (Fraction(1, 5), list(range(8))),
    "at the end": (Fraction(1, 30), [0, 1, 2]),
}


@pytest.mark.parametrize(("tick", "shown"), PAUSES.values(), ids=PAUSES)
def test_a_moving_background_goes_on_while_a_frame_stands(
    tmp_path: Path, tick: Fraction, shown: list[int]
) -> None:
    """Its own frames are shown meanwhile; those of the clip keep their times."""
    pictures = drawn(len(shown), (320, 240))
    clip = make_clip(
        tmp_path / "c.mkv", pictures, rate=1 / tick, times=shown, tone=300, overhang=1.0
    )
    greys = (np.full((240, 320, 3), 20 + 3 * n, np.uint8) for n in range(75))
    film = make_clip(tmp_path / "film.mp4", greys, rate=25, colours=HD)
    style = KEEP_BACKGROUND.model_copy(update={"size": 0.3, "position": Anchor.TOP_LEFT})
    result = run_edit(clip, tmp_path / "r.mp4", str(film), style=style)
    written = times(result)
    end = probe(clip).duration
    assert max(b - a for a, b in pairwise([*written, end])) <= Fraction(1, 24)
    for tick_shown in shown:
        assert min(abs(time - tick_shown * tick) for time in written) <= Fraction(1, 1000)
    levels = [frame[200:, 200:].mean() for frame in rgb(result)]
    expected = [20 + 3 * (int(time * 25 + Fraction(1, 100)) % 75) for time in written]
    assert np.abs(np.array(levels) - expected).max() <= 4


def test_no_frames_are_added_over_a_background_that_stands_still(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "c.mkv", drawn(4), rate=30, times=[0, 1, 90, 91])
    assert len(times(run_edit(clip, tmp_path / "r.mp4"))) == 4
