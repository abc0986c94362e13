"""A GPU's encoder is taken only where it is not worse; x264 stands in for it."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from video_editing.frames import Picture, Plane, Timed
from video_editing.writing.encoder import VideoCodec
from video_editing.writing.encoder_trial import TrialResult, choose_codec
from video_editing.writing.mp4 import choose_mp4_codec
from video_editing.writing.tracks import StreamSpec

SPEC = StreamSpec(size=(320, 240), timebase=Fraction(1, 25), rate=Fraction(25), seconds=Fraction(1))


def x264(**options: str) -> VideoCodec:
    return VideoCodec("libx264", "yuv420p", {"profile": "high"} | options)


@pytest.fixture(scope="module")
def pictures() -> list[Timed[Picture]]:
    """Twelve pictures of a texture that moves, with noise."""
    random = np.random.default_rng(1)
    texture = random.integers(16, 236, (15, 20)).repeat(16, 0).repeat(16, 1)
    chroma = np.full((120, 160), 128, np.uint8)
    return [Timed(i, Picture(_move(texture, i, random), chroma, chroma)) for i in range(12)]


def _move(texture: NDArray[np.int64], step: int, random: np.random.Generator) -> Plane:
    noise = random.normal(0, 3, texture.shape)
    return np.clip(np.roll(texture, 2 * step, 1) + noise, 16, 235).astype(np.uint8)


STANDARD = x264(preset="slow", crf="20")


def test_an_encoder_that_is_as_good_and_faster_is_taken(pictures: list[Timed[Picture]]) -> None:
    """As close to the original, not larger, and a tenth of the time."""
    fast, slow = x264(preset="veryfast", crf="20"), x264(preset="placebo", crf="20")
    assert choose_codec(fast, slow, pictures, SPEC) is fast
    assert choose_codec(slow, fast, pictures, SPEC) is fast


@pytest.mark.parametrize(
    "worse",
    [TrialResult(1.1, 90, 0.5), TrialResult(0.9, 126, 0.5), TrialResult(0.9, 90, 1.1)],
    ids=["quality", "size", "speed"],
)
def test_one_that_is_worse_in_anything_is_not(worse: TrialResult) -> None:
    """In quality, by more than a quarter in size, or in speed."""
    assert not worse.is_at_least_as_good_as(TrialResult(1.0, 100, 1.0))


@pytest.mark.parametrize(
    "candidate",
    [x264(preset="ultrafast", crf="40"), x264(preset="ultrafast", crf="5")],
    ids=["blurred", "large"],
)
def test_a_fast_encoder_of_less_quality_is_not_taken(
    pictures: list[Timed[Picture]], candidate: VideoCodec
) -> None:
    """Nor one that needs far more bytes for it."""
    assert choose_codec(candidate, STANDARD, pictures, SPEC) is STANDARD


def test_without_a_gpu_x264_encodes(pictures: list[Timed[Picture]]) -> None:
    """The encoder is built in, but its driver is missing."""
    assert choose_mp4_codec(pictures, SPEC).name == "libx264"
    assert choose_mp4_codec(pictures, SPEC, 1_000_000).name == "libx264"
