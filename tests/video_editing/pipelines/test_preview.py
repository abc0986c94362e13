"""Still pictures: the preview of an edit, and the thumbnail of its result."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.decode_media import rgb
from tests.support.make_clips import HD, drawn, make_clip
from tests.support.person_clips import film_of_eileen
from video_editing.cli.main import main
from video_editing.compositing.background import open_background
from video_editing.compositing.composition import Composition
from video_editing.contract.errors import InputRejected, OutputFailed, RejectReason
from video_editing.contract.formats import OutputInfo
from video_editing.contract.style import Anchor, Shape, Style
from video_editing.pipelines.edit import ResultOptions, edit
from video_editing.pipelines.preview import write_preview
from video_editing.reading.probe import ClipLimits, probe

CANVAS = (320, 240)
BLUE = open_background("#204060", ClipLimits())


@pytest.mark.parametrize("style", [Style(keep_background=True), Style(shape=Shape.NONE), Style()])
def test_a_preview_is_a_frame_of_the_edit(tmp_path: Path, style: Style) -> None:
    """The same position, size and person, up to JPEG, H.264 and a matte from one frame."""
    clip = probe(film_of_eileen(tmp_path / "c.mp4", 5))
    write_preview(Composition(clip, style), tmp_path / "card.jpg", BLUE, CANVAS)
    edit(Composition(clip, style), tmp_path / "r.mp4", BLUE, CANVAS)
    with Image.open(tmp_path / "card.jpg") as card:
        assert card.format == "JPEG"
        shown = np.asarray(card.convert("RGB")).astype(int)
    assert shown.shape == (240, 320, 3)
    assert np.abs(shown - rgb(tmp_path / "r.mp4")[0]).mean() < 4


@pytest.mark.parametrize(
    ("canvas", "shown"), [((960, 32), (960, 48)), ((32, 960), (48, 960)), ((640, 32), (640, 32))]
)
def test_a_long_preview_gets_bars(
    tmp_path: Path, canvas: tuple[int, int], shown: tuple[int, int]
) -> None:
    """Telegram refuses photos longer than 20:1."""
    clip = probe(make_clip(tmp_path / "c.mp4", drawn(2, (320, 240)), colours=HD))
    style = Style(keep_background=True, shape=Shape.RECT)
    write_preview(Composition(clip, style), tmp_path / "card.jpg", BLUE, canvas)
    with Image.open(tmp_path / "card.jpg") as card:
        assert card.size == shown
        left, top = ((ours - wanted) // 2 for ours, wanted in zip(shown, canvas, strict=True))
        assert np.asarray(card)[top + 8, left + 8, 2] > 60
        assert (np.asarray(card)[0, 0].max() < 20) == (shown != canvas)


def test_a_preview_is_not_faded(tmp_path: Path) -> None:
    """The frame may be at the clip's beginning, where the overlay is not visible."""
    clip = probe(make_clip(tmp_path / "c.mp4", drawn(4, (320, 240)), colours=HD))
    style = Style(keep_background=True, shape=Shape.RECT, position=Anchor.CENTER)
    for name, fade in (("plain.jpg", 0), ("fading.jpg", 9)):
        faded = style.model_copy(update={"fade": fade})
        write_preview(Composition(clip, faded), tmp_path / name, BLUE, CANVAS)
    assert (tmp_path / "plain.jpg").read_bytes() == (tmp_path / "fading.jpg").read_bytes()


def test_the_frame_with_the_largest_face_is_shown(tmp_path: Path) -> None:
    """Not the first frame, which has no face."""
    frames = [*rgb(film_of_eileen(tmp_path / "e.mp4", 2))] * 2
    empty = [np.full_like(frames[0], 90)] * 2
    clip = make_clip(tmp_path / "c.mp4", empty + frames + empty, options={"g": "2"}, colours=HD)
    style = Style(keep_background=True, shape=Shape.RECT)
    write_preview(Composition(probe(clip), style), tmp_path / "card.jpg", BLUE, CANVAS)
    with Image.open(tmp_path / "card.jpg") as card:
        overlay = np.asarray(card)[130:220, 210:300]
    assert overlay.std() > 30


def test_a_clip_without_a_person_has_no_preview(tmp_path: Path) -> None:
    """It is rejected as by the edit."""
    clip = probe(make_clip(tmp_path / "c.mp4", drawn(3)))
    with pytest.raises(InputRejected) as rejected:
        write_preview(Composition(clip), tmp_path / "card.jpg", BLUE, CANVAS)
    assert rejected.value.reason is RejectReason.NO_PERSON
    assert not (tmp_path / "card.jpg").exists()


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    """It is not created."""
    clip = probe(make_clip(tmp_path / "c.mp4", drawn(3)))
    with pytest.raises(OutputFailed):
        write_preview(
            Composition(clip, Style(keep_background=True)), tmp_path / "no/card.jpg", BLUE, CANVAS
        )
    assert not (tmp_path / "no").exists()


def test_a_thumbnail_shows_the_middle_of_the_result(tmp_path: Path) -> None:
    """A frame of it, small enough for Telegram; the cover is the same frame in full size."""
    clip = probe(make_clip(tmp_path / "c.mp4", drawn(12, (640, 360)), colours=HD))
    result, small, large = tmp_path / "r.mp4", tmp_path / "t.jpg", tmp_path / "c.jpg"
    composition = Composition(clip, Style(keep_background=True))
    options = ResultOptions(thumbnail=small, cover=large)
    extent = edit(composition, result, BLUE, (640, 360), options)
    assert extent == OutputInfo(640, 360, 0.4)
    with Image.open(small) as opened:
        assert opened.size == (320, 180)
        shown = np.asarray(opened.convert("RGB")).astype(int)
    middle = rgb(result)[6].reshape(180, 2, 320, 2, 3).mean((1, 3))
    assert np.abs(shown - middle).mean() < 4
    with Image.open(large) as opened:
        assert opened.size == (640, 360)
        covered = np.asarray(opened.resize((320, 180)).convert("RGB")).astype(int)
    assert np.abs(covered - shown).mean() < 4
    assert small.stat().st_size < 200_000


def test_a_thumbnail_of_a_file_shows_the_frame_that_was_chosen(tmp_path: Path) -> None:
    """The one that is shown at that time; its last one, however late that is."""
    clip, small = (
        make_clip(tmp_path / "c.mp4", drawn(12, (320, 180)), colours=HD),
        tmp_path / "t.jpg",
    )
    pictures = rgb(clip)
    for seconds, shown in ((0, 0), (3.5 / 30, 3), (9, 11)):
        given = ["probe", str(clip), f"--thumbnail={small}", f"--thumbnail-at={seconds}"]
        assert main([*given, "--progress=none"]) == 0
        with Image.open(small) as opened:
            found = np.asarray(opened.convert("RGB")).astype(int)
        distances = [np.abs(found - picture).mean() for picture in pictures]
        assert distances.index(min(distances)) == shown


def test_a_thumbnail_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    """No incomplete result remains."""
    clip = probe(make_clip(tmp_path / "c.mp4", drawn(4), colours=HD))
    nowhere = tmp_path / "no" / "t.jpg"
    composition = Composition(clip, Style(keep_background=True))
    with pytest.raises(OutputFailed):
        edit(composition, tmp_path / "r.mp4", BLUE, (160, 96), ResultOptions(thumbnail=nowhere))
    assert not (tmp_path / "r.mp4").exists()


def test_a_preview_has_the_requested_side(tmp_path: Path) -> None:
    """A card in a chat is smaller than the video."""
    clip, card = film_of_eileen(tmp_path / "c.mp4", 3), tmp_path / "card.jpg"
    assert main(["preview", str(clip), "-o", str(card), "--side", "160"]) == 0
    with Image.open(card) as opened:
        assert max(opened.size) == 160
