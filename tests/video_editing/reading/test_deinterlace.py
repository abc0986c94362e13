"""Interlaced clips: each line pair of a frame shows two moments."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.decode_media import shots
from tests.support.make_clips import HD, Rgb, make_clip
from video_editing.frames import Plane
from video_editing.reading.decode import read_frames, read_keyframes
from video_editing.reading.probe import probe

SIZE = (160, 96)
CODECS = {
    "mpeg-2": ("mpg", "mpeg2video", {"flags": "+ildct+ilme", "g": "12", "qscale": "2"}),
    "h264": ("mp4", "libx264", {"x264-params": "tff=1:keyint=12", "qp": "10"}),
    "transport stream": ("ts", "libx264", {"x264-params": "bff=1:keyint=12", "qp": "10"}),
}


def draw_fields(count: int) -> Iterator[Rgb]:
    """Yield pictures of two fields: a bright bar moves by eight pixels from one to the next."""
    for number in range(count):
        picture = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
        for field in (0, 1):
            left = 10 + (2 * number + field) * 8 % 100
            picture[field::2, left : left + 30] = 220
        yield picture


def measure_combing(luma: Plane | NDArray[np.uint8]) -> float:
    """Return the part of the pixels that are brighter, or darker, than both their neighbours."""
    lines = luma.astype(int)
    above, below = lines[:-2] - lines[1:-1], lines[2:] - lines[1:-1]
    return float(np.mean((above * below > 0) & (np.minimum(abs(above), abs(below)) > 30)))


@pytest.fixture(params=CODECS.values(), ids=CODECS)
def interlaced(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """An interlaced clip."""
    suffix, codec, options = request.param
    path = tmp_path / f"a.{suffix}"
    return make_clip(path, draw_fields(30), rate=25, codec=codec, options=options, colours=HD)


def test_results_have_no_combs(interlaced: Path) -> None:
    """The stored frames have."""
    stored = [measure_combing(frame.to_ndarray(format="gray")) for frame in shots(interlaced)]
    found = [measure_combing(f.value.y) for f in read_frames(probe(interlaced))]
    assert min(stored) > 0.05
    assert max(found) < 0.01


def test_the_frame_rate_is_kept(interlaced: Path) -> None:
    clip = probe(interlaced)
    assert clip.rate == Fraction(25)
    assert [frame.time for frame in read_frames(clip)] == list(clip.times)


def test_pictures_do_not_depend_on_where_reading_starts(interlaced: Path) -> None:
    clip = probe(interlaced)
    everything = list(read_frames(clip))
    for first, after in ((1, 3), (11, 14), (12, 13), (20, 30)):
        end = clip.times[after] if after < 30 else None
        part = list(read_frames(clip, clip.times[first], end))
        assert [frame.time for frame in part] == list(clip.times[first:after])
        for one, other in zip(part, everything[first:after], strict=True):
            assert np.array_equal(one.value.y, other.value.y)


def test_key_frames_alone_have_no_combs(interlaced: Path) -> None:
    clip = probe(interlaced)
    found = list(read_keyframes(clip, clip.keyframes))
    assert len(found) == len(clip.keyframes)
    assert max(measure_combing(frame.value.y) for frame in found) < 0.01


def test_the_smallest_frames_stay_as_they_are(tmp_path: Path) -> None:
    """The filter takes none of less than three lines of chroma."""
    frames = [av.VideoFrame(4, 4, "yuv420p") for _ in range(3)]
    options = {"flags": "+ildct+ilme"}
    path = make_clip(tmp_path / "a.mpg", frames, rate=25, codec="mpeg2video", options=options)
    assert len(list(read_frames(probe(path)))) == 3


def test_a_camcorder_clip_has_no_combs(cases: Path) -> None:
    for name in ("i.mpg", "paff_64.ts"):
        found = [measure_combing(frame.value.y) for frame in read_frames(probe(cases / name))]
        assert max(found) < 0.01
