"""The assembly that all pipelines share."""

from pathlib import Path

import pytest

from tests.support.make_clips import drawn, make_clip
from tests.support.person_clips import film_of_eileen
from video_editing.compositing.composition import Composition
from video_editing.contract.errors import InputRejected
from video_editing.contract.style import Shape, Style
from video_editing.reading.probe import probe


@pytest.mark.parametrize(
    "style",
    [Style(centre=(0.4, 0.6)), Style(shape=Shape.NONE), Style(shape=Shape.RECT, crop=(1, 1))],
)
def test_the_face_is_not_searched_for_if_its_position_is_not_used(
    tmp_path: Path, style: Style
) -> None:
    """The centre is given or the shape is the full frame: nothing is read from the clip."""
    clip = probe(make_clip(tmp_path / "c.mp4", drawn(4)))
    clip.path.unlink()
    composition = Composition(clip, style)
    assert composition.compute_layout((320, 240)).view[1] > 0
    with pytest.raises((InputRejected, OSError)):
        Composition(clip, Style()).compute_layout((320, 240))


def test_the_shape_lies_around_the_face(tmp_path: Path) -> None:
    """By default the clip is searched for it."""
    clip = probe(film_of_eileen(tmp_path / "c.mp4", 3, side=320))
    box = Composition(clip, Style(radius=0.2)).compute_layout().box
    assert box.left + box.width / 2 == pytest.approx(141, abs=12)
    assert box.top + box.height / 2 == pytest.approx(79, abs=12)
