"""The small picture that stands for a result."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.decode_media import rgb
from tests.support.make_clips import HD, drawn, make_clip
from tests.support.person_clips import film_of_eileen
from video_editing.cli.main import main
from video_editing.compositing.background import open_background
from video_editing.contract.errors import OutputFailed
from video_editing.contract.formats import OutputInfo
from video_editing.contract.style import Style
from video_editing.pipelines.edit import edit
from video_editing.reading.probe import ClipLimits, probe

BLUE = open_background("#204060", ClipLimits())


def test_a_thumbnail_shows_the_middle_of_the_result(tmp_path: Path) -> None:
    """It is a frame of it, at most 320 pixels wide or high, and light enough for Telegram."""
    clip = probe(make_clip(tmp_path / "c.mp4", drawn(12, (640, 360)), colours=HD))
    result, small = tmp_path / "r.mp4", tmp_path / "t.jpg"
    style = Style(keep_background=True)
    extent = edit(clip, result, BLUE, (640, 360), style=style, thumbnail=small)
    assert extent == OutputInfo(640, 360, 0.4)
    with Image.open(small) as opened:
        assert opened.size == (320, 180)
        shown = np.asarray(opened.convert("RGB")).astype(int)
    middle = rgb(result)[6].reshape(180, 2, 320, 2, 3).mean((1, 3))
    assert np.abs(shown - middle).mean() < 4
    assert small.stat().st_size < 200_000


def test_a_thumbnail_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """And the result is not left behind half."""
    clip = probe(make_clip(tmp_path / "c.mp4", drawn(4), colours=HD))
    nowhere = tmp_path / "no" / "t.jpg"
    style = Style(keep_background=True)
    with pytest.raises(OutputFailed):
        edit(clip, tmp_path / "r.mp4", BLUE, (160, 96), style=style, thumbnail=nowhere)
    assert not (tmp_path / "r.mp4").exists()


def test_a_preview_keeps_to_the_side_it_is_given(tmp_path: Path) -> None:
    """A card for a chat need not be as large as the video."""
    clip, card = film_of_eileen(tmp_path / "c.mp4", 3), tmp_path / "card.jpg"
    assert main(["preview", str(clip), "-o", str(card), "--side", "160"]) == 0
    with Image.open(card) as opened:
        assert max(opened.size) == 160
