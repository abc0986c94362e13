"""One picture of what the edit would make."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.decode_media import rgb
from tests.support.make_clips import HD, drawn, make_clip
from tests.support.person_clips import film_of_eileen
from video_editing.compositing.background import open_background
from video_editing.contract.errors import InputRejected, OutputFailed, RejectReason
from video_editing.contract.style import Anchor, Shape, Style
from video_editing.pipelines.edit import edit
from video_editing.pipelines.preview import write_preview
from video_editing.reading.probe import ClipLimits, probe

CANVAS = (320, 240)
BLUE = open_background("#204060", ClipLimits())


@pytest.mark.parametrize("style", [Style(keep_background=True), Style(shape=Shape.NONE), Style()])
def test_a_preview_is_a_frame_of_the_edit(tmp_path: Path, style: Style) -> None:
    """The same place, size and person, but for JPEG, H.264 and a matte from one frame alone."""
    clip = probe(film_of_eileen(tmp_path / "c.mp4", 5))
    write_preview(clip, tmp_path / "card.jpg", BLUE, CANVAS, style=style)
    edit(clip, tmp_path / "r.mp4", BLUE, CANVAS, style=style)
    with Image.open(tmp_path / "card.jpg") as card:
        assert card.format == "JPEG"
        shown = np.asarray(card.convert("RGB")).astype(int)
    assert shown.shape == (240, 320, 3)
    assert np.abs(shown - rgb(tmp_path / "r.mp4")[0]).mean() < 4


def test_a_preview_is_not_faded(tmp_path: Path) -> None:
    """At the clip's beginning the overlay would not be there yet."""
    clip = probe(make_clip(tmp_path / "c.mp4", drawn(4, (320, 240)), colours=HD))
    style = Style(keep_background=True, shape=Shape.RECT, position=Anchor.CENTER)
    for name, fade in (("plain.jpg", 0), ("fading.jpg", 9)):
        faded = style.model_copy(update={"fade": fade})
        write_preview(clip, tmp_path / name, BLUE, CANVAS, style=faded)
    assert (tmp_path / "plain.jpg").read_bytes() == (tmp_path / "fading.jpg").read_bytes()


def test_the_frame_with_the_largest_face_is_shown(tmp_path: Path) -> None:
    """Not the first one, in which there is none."""
    frames = [*rgb(film_of_eileen(tmp_path / "e.mp4", 2))] * 2
    empty = [np.full_like(frames[0], 90)] * 2
    clip = make_clip(tmp_path / "c.mp4", empty + frames + empty, options={"g": "2"}, colours=HD)
    style = Style(keep_background=True, shape=Shape.RECT)
    write_preview(probe(clip), tmp_path / "card.jpg", BLUE, CANVAS, style=style)
    with Image.open(tmp_path / "card.jpg") as card:
        overlay = np.asarray(card)[130:220, 210:300]
    assert overlay.std() > 30


def test_nobody_has_no_preview(tmp_path: Path) -> None:
    """Refused as the edit would be."""
    clip = probe(make_clip(tmp_path / "c.mp4", drawn(3)))
    with pytest.raises(InputRejected) as rejected:
        write_preview(clip, tmp_path / "card.jpg", BLUE, CANVAS, style=Style())
    assert rejected.value.reason is RejectReason.NO_PERSON
    assert not (tmp_path / "card.jpg").exists()


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """It is not made."""
    clip = probe(make_clip(tmp_path / "c.mp4", drawn(3)))
    with pytest.raises(OutputFailed):
        write_preview(
            clip, tmp_path / "no/card.jpg", BLUE, CANVAS, style=Style(keep_background=True)
        )
    assert not (tmp_path / "no").exists()
