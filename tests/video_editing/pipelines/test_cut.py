"""Transparent overlays: their content, their placement, and Telegram's stickers."""

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.decode_media import heard, times
from tests.support.make_clips import HD, drawn, make_clip
from tests.support.person_clips import film_of_eileen
from video_editing.compositing.composition import Composition
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.formats import OutputFormat
from video_editing.contract.style import Shape, Style
from video_editing.pipelines.cut import cut, cut_sticker
from video_editing.reading.probe import probe

KEEP_BACKGROUND = Style(keep_background=True, centre=(0.4, 0.5))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A walking square, with sound."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return make_clip(path, drawn(8, (320, 240)), colours=HD, tone=330)


def rgba(path: Path) -> list[NDArray[np.uint8]]:
    """Decode all frames of an overlay."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if stream.codec_context.name == "vp9":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
            packets = [packet for packet in container.demux(stream) if packet.size]
            frames = [frame for packet in packets for frame in decoder.decode(packet)]
            frames += decoder.decode(None)
        else:
            frames = list(container.decode(stream))
        return [frame.to_ndarray(format="rgba") for frame in frames]


@pytest.mark.parametrize("container", [OutputFormat.MOV, OutputFormat.WEBM])
def test_an_overlay_is_cropped_to_its_shape(
    tmp_path: Path, clip: Path, container: OutputFormat
) -> None:
    """Its placement is returned and stored in the file; it has the clip's times."""
    path = tmp_path / f"overlay.{container}"
    placement = cut(Composition(probe(clip), KEEP_BACKGROUND), path, container)
    assert placement == {"box": [44, 36, 168, 168], "frame": [320, 240]}
    with av.open(str(path)) as file:
        tags = {name.lower(): value for name, value in file.metadata.items()}
        assert json.loads(tags["comment"]) == placement
    frames = rgba(path)
    assert len(frames) == 8
    assert all(
        abs(a - b) <= Fraction(1, 1000) for a, b in zip(times(path), times(clip), strict=True)
    )
    assert heard(path) is not None
    with av.open(str(clip)) as file:
        whole = next(file.decode(video=0)).to_ndarray(format="rgb24")
    alpha, colours = frames[0][..., 3], frames[0][..., :3]
    assert alpha[84, 84] == 255
    assert alpha[2, 2] == 0
    wrong = np.abs(colours.astype(int) - whole[36:204, 44:212])[alpha == 255]
    assert wrong.mean() < 3


def test_a_full_frame_has_the_clips_size(tmp_path: Path, clip: Path) -> None:
    """The same overlay at its position, transparent around."""
    cropped, whole = tmp_path / "cropped.mov", tmp_path / "whole.mov"
    cut(Composition(probe(clip), KEEP_BACKGROUND), cropped, OutputFormat.MOV)
    placement = cut(
        Composition(probe(clip), KEEP_BACKGROUND), whole, OutputFormat.MOV, is_full_frame=True
    )
    assert placement == {"box": [0, 0, 320, 240], "frame": [320, 240]}
    alpha = rgba(whole)[0][..., 3]
    assert alpha.shape == (240, 320)
    assert (alpha[36:204, 44:212] == rgba(cropped)[0][..., 3]).all()
    alpha[36:204, 44:212] = 0
    assert alpha.max() == 0


@pytest.mark.parametrize("size", [(159, 121), (161, 90)])
@pytest.mark.parametrize("container", [OutputFormat.MOV, OutputFormat.WEBM])
def test_odd_frames_are_cut(tmp_path: Path, size: tuple[int, int], container: OutputFormat) -> None:
    """With a shadow in the corner of a full frame."""
    clip = make_clip(
        tmp_path / "c.mkv",
        (np.ascontiguousarray(picture) for picture in drawn(3, size)),
        codec="ffv1",
        pixels="yuv444p",
    )
    style = Style(keep_background=True, shadow=0.5, centre=(1, 1))
    path = tmp_path / f"overlay.{container}"
    cut(Composition(probe(clip), style), path, container, is_full_frame=True)
    # FFmpeg's ProRes has an even width; neither box nor frame counts the added column.
    width = size[0] + size[0] % 2 if container is OutputFormat.MOV else size[0]
    assert [frame.shape for frame in rgba(path)] == [(size[1], width, 4)] * 3


@pytest.mark.parametrize("shape", [Shape.CIRCLE, Shape.RECT, Shape.NONE])
def test_a_sticker_keeps_telegrams_limits(tmp_path: Path, shape: Shape) -> None:
    """VP9 with alpha, a side of 512, at most 3 s, 30 pictures a second and 256 KB, no sound."""
    clip = film_of_eileen(tmp_path / "c.mp4", 200, rate=60, tone=300)
    path = tmp_path / "sticker.webm"
    cut_sticker(Composition(probe(clip), Style(shape=shape, keep_background=True)), path)
    assert path.stat().st_size <= 256 * 1024
    with av.open(str(path)) as file:
        assert file.format.name == "matroska,webm"
        (stream,) = file.streams
        assert stream.codec_context.name == "vp9"
        assert max(stream.width, stream.height) == 512
        assert file.duration is not None
        assert file.duration <= 3_000_000
    shown = times(path)
    assert len(shown) == 90
    assert min(b - a for a, b in pairwise(shown)) >= Fraction(32, 1000)
    alpha = rgba(path)[0][..., 3]
    assert (alpha[0, 0] < 30) == (shape is Shape.CIRCLE)


def test_a_person_is_cut_out(tmp_path: Path) -> None:
    """Opaque on the face, transparent beside the head."""
    clip = film_of_eileen(tmp_path / "eileen.mp4", 5)
    composition = Composition(probe(clip), Style(shape=Shape.NONE))
    cut(composition, tmp_path / "o.mov", OutputFormat.MOV)
    for frame in rgba(tmp_path / "o.mov"):
        assert frame[60:90, 125:165, 3].min() > 240
        assert frame[5:30, 5:40, 3].max() < 15


def test_a_clip_without_a_person_has_no_overlay(tmp_path: Path) -> None:
    """It is rejected, and no file remains."""
    clip = make_clip(tmp_path / "c.mp4", drawn(5))
    with pytest.raises(InputRejected) as rejected:
        cut(Composition(probe(clip)), tmp_path / "o.mov", OutputFormat.MOV)
    assert rejected.value.reason is RejectReason.NO_PERSON
    assert [path.name for path in tmp_path.iterdir()] == ["c.mp4"]
