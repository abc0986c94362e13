"""A network's masks carried between its looks: on real people, and on a square that moves."""

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
from video_editing.matting.rembg_engine import (
    BATCH_FRAMES,
    FILTER_WINDOW,
    RembgEngine,
    propagate,
)
from video_editing.matting.tflite_models import load_tflite
from video_editing.pixels import convert_to_rgb
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip, probe

WIDTH, HEIGHT = 160, 120  #: of the made frames and of their mattes
TICKS = 3  #: from one made frame to the next


class Selfie:
    """One of MediaPipe's selfie models."""

    def __init__(self, name: str) -> None:
        self._model = load_tflite(f"selfie_segmentation/{name}")
        self._input = self._model.get_input_details()[0]
        self._output = self._model.get_output_details()[0]
        self.size = tuple(int(n) for n in self._input["shape"][2:0:-1])

    def __call__(self, picture: NDArray[np.float32]) -> Matte:
        """A matte of the model's own size for *picture*, R'G'B' 0–1, of that size."""
        self._model.set_tensor(self._input["index"], picture[None])
        self._model.invoke()
        return np.rint(self._model.get_tensor(self._output["index"])[0, :, :, 0] * 255).astype("u1")


class SelfieLooker:
    """A selfie model in the network's role."""

    side = 256

    def __init__(self) -> None:
        self._model = Selfie("selfie_segmentation.tflite")

    def __call__(self, pictures: NDArray[np.float32]) -> list[Matte]:
        """What the model sees in each of *pictures*."""
        return [self._model(picture) for picture in pictures]


class BrightLooker:
    """Takes what is white for the person, and counts what it is shown."""

    side = 64

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, pictures: NDArray[np.float32]) -> list[Matte]:
        """What is white in each of *pictures*."""
        self.batches.append(len(pictures))
        return [np.uint8(255) * (picture[..., 1] > 0.9) for picture in pictures]


def poorly_found(frames: Iterable[Timed[Picture]]) -> Iterator[FrameMatte]:
    """What a poor engine says, which sees 64 x 36 pixels of the whole frame."""
    model = Selfie("selfie_segmentation_landscape.tflite")
    for frame in frames:
        matte = model(cv2.resize(convert_to_rgb(frame.value, (64, 36)), model.size))
        scale = 256 / max(frame.value.size)
        yield frame, cv2.resize(matte, [round(side * scale) for side in frame.value.size])


@pytest.fixture(scope="module")
def clips(media: Path) -> list[Clip]:
    """The clips whose exact alpha is known."""
    return [probe(path) for path in sorted((media / "gt").glob("*.mp4"))]


def iou(found: Iterable[FrameMatte], clip: Clip) -> float:
    """Mean IoU of mattes and the clip's exact alpha."""
    with av.open(str(clip.path.with_suffix(".alpha.mkv"))) as file:
        scores = [
            _iou(cv2.resize(matte, (frame.width, frame.height)), frame.to_ndarray(format="gray"))
            for (_, matte), frame in zip(found, file.decode(video=0), strict=True)
        ]
    return float(np.mean(scores))


def _iou(matte: Matte, truth: Matte) -> float:
    return ((matte > 127) & (truth > 127)).sum() / ((matte > 127) | (truth > 127)).sum()


def test_one_look_in_six(clips: list[Clip]) -> None:
    """Looking at one frame in six costs at most 0.01 of IoU, though the quick engine is poor."""
    scores = []
    for clip in clips:
        found = list(poorly_found(read_frames(clip)))
        always = propagate(found, SelfieLooker(), clip.times, 1)
        seldom = propagate(found, SelfieLooker(), clip.times, 6)
        scores.append([iou(mattes, clip) for mattes in (found, always, seldom)])
    quick, always, seldom = np.mean(scores, axis=0)
    assert always - 0.01 <= seldom
    assert quick < always - 0.015


def test_segments(clips: list[Clip]) -> None:
    """Ten segments give, bit by bit, the mattes of one piece."""
    clip, every, pieces = clips[0], 6, 10
    context = every - 1 + FILTER_WINDOW
    found = list(poorly_found(read_frames(clip)))
    whole = [matte for _, matte in propagate(found, SelfieLooker(), clip.times, every)]
    borders = np.linspace(0, len(found), pieces + 1).astype(int)
    parts: list[Matte] = []
    for start, end in pairwise(borders):
        first = max(0, start - context)
        part = found[first : end + context]
        mattes = [matte for _, matte in propagate(part, SelfieLooker(), clip.times, every)]
        parts += mattes[start - first : end - first]
    np.testing.assert_array_equal(parts, whole)


def test_engine(clips: list[Clip], weights: Path) -> None:
    """The engine gives a segment, made with its context alone, the mattes of the whole clip."""
    save_tinted(weights / "u2net_human_seg.onnx")
    clip, start, end = clips[0], 25, 40
    engine = RembgEngine(clip, every=6)
    whole = list(engine.compute_mattes(read_frames(clip)))
    assert [frame.time for frame, _ in whole] == list(clip.times)
    first, last = clip.times[start - engine.context_frames], clip.times[end + engine.context_frames]
    part = list(engine.compute_mattes(read_frames(clip, first, last)))[engine.context_frames :]
    for (_, alone), (_, among_others) in zip(part, whole[start:end], strict=False):
        np.testing.assert_array_equal(alone, among_others)


@pytest.mark.slow
def test_speed(media: Path, weights: Path) -> None:
    """On a processor, carrying a network of the U²-Net's size is four times as fast as looking."""
    save_u2net_sized(weights / "u2net_human_seg.onnx")
    clip = probe(media / "webcam" / "kao_kari.mp4")

    def pace(every: int, frames: int) -> float:
        mattes = RembgEngine(clip, every=every).compute_mattes(read_frames(clip))
        start = time.perf_counter()
        return sum(1 for _ in islice(mattes, frames)) / (time.perf_counter() - start)

    assert pace(0, 144) >= 4 * pace(1, 24)


def textured(seed: int, *, grain: float = 2) -> Luma:
    """A still backdrop of grey clouds, 120–180."""
    noise = np.random.default_rng(seed).standard_normal((HEIGHT, WIDTH), np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), grain)
    return np.uint8(150 + 15 * (soft / soft.std()).clip(-2, 2))


def frames(lumas: Iterable[Luma]) -> list[Timed[Picture]]:
    """Grey frames at a steady pace."""
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    return [Timed(TICKS * i, Picture(luma, grey, grey)) for i, luma in enumerate(lumas)]


def with_square(backdrop: Luma, left: int) -> Luma:
    """A white square, whose left edge is at *left*, before *backdrop*."""
    luma = backdrop.copy()
    luma[40:80, left : left + 40] = 235
    return luma


def vague(frames: Iterable[Timed[Picture]]) -> list[FrameMatte]:
    """What an engine says that sees somebody everywhere, and knows nothing more."""
    return [(frame, np.full_like(frame.value.y, 128)) for frame in frames]


def times(found: list[FrameMatte]) -> list[int]:
    return [frame.time for frame, _ in found]


def test_follows() -> None:
    """A mask goes with what it covers by the flow alone; one that stood still would have 0.63."""
    made = frames(with_square(textured(1), 20 + 3 * i) for i in range(13))
    found = vague(made)
    mattes = [matte for _, matte in propagate(found, BrightLooker(), times(found), 6)]
    assert min(_iou(m, f.value.y // 235 * 255) for m, f in zip(mattes, made, strict=True)) > 0.8


@pytest.mark.parametrize(("every", "looks"), [(1, 26), (6, 6), (12, 4), (100, 2)])
def test_looks(every: int, looks: int) -> None:
    """Each frame whose number divides by N is looked at once, and the last; in small batches."""
    found = vague(frames([textured(1)] * 26))
    look = BrightLooker()
    assert len(list(propagate(found, look, times(found), every))) == 26
    assert sum(look.batches) == looks
    assert max(look.batches) <= BATCH_FRAMES


def test_frames_that_do_not_decode() -> None:
    """Every frame that there is has a matte, also where looks were due at frames that are not."""
    found = vague(frames([with_square(textured(1), 60)] * 20))
    there = found[1:12] + found[13:17]
    mattes = list(propagate(there, BrightLooker(), times(found), 6))
    assert times(mattes) == times(there)
    assert all((matte[50:70, 70:90] == 255).all() for _, matte in mattes)


def test_cut() -> None:
    """No mask goes past a cut: shots are looked at to their last and from their first frame."""
    shots = [with_square(textured(1), 60)] * 8 + [255 - textured(2, grain=20)] * 8
    found = vague(frames(shots))
    look = BrightLooker()
    mattes = [matte for _, matte in propagate(found, look, times(found), 6)]
    assert all((matte[50:70, 70:90] == 255).all() for matte in mattes[:8])
    assert not any(matte.any() for matte in mattes[8:])
    assert sum(look.batches) == len({0, 6, 7} | {8, 12, 15})


def test_gone() -> None:
    """Who leaves between two looks is gone in that frame, if the quick engine sees it."""
    here, gone = with_square(textured(1), 60), textured(1)
    found = vague(frames([here] * 3 + [gone] * 10))
    found = [(frame, np.uint8(255) * (frame.value.y == 235)) for frame, _ in found]
    mattes = [matte for _, matte in propagate(found, BrightLooker(), times(found), 6)]
    assert all(_iou(matte, found[0][1]) > 0.85 for matte in mattes[:3])
    assert all(matte.mean() < 0.1 * mattes[0].mean() for matte in mattes[3:])
    assert not any(matte.any() for matte in mattes[6:])


def test_unlike() -> None:
    """A frame unlike both looks has the quick engine's matte, not corrected by what they saw."""
    square = with_square(textured(1), 60)
    found = vague(frames([square, *[square // 8] * 5, square]))
    mattes = [matte for _, matte in propagate(found, BrightLooker(), times(found), 6)]
    middles = [int(matte[60, 80]) for matte in mattes]
    assert middles == pytest.approx([255, *[128] * 5, 255], abs=15)


def test_disagreement() -> None:
    """Where two looks at the same picture disagree, what is between goes from one to the other."""

    class Unsure(BrightLooker):
        def __call__(self, pictures: NDArray[np.float32]) -> list[Matte]:
            fair = len(self.batches) == 0
            return [matte * fair for matte in super().__call__(pictures)]

    found = vague(frames([with_square(textured(1), 60)] * 7))
    mattes = [matte for _, matte in propagate(found, Unsure(), times(found), 6)]
    middles = [matte[60, 80] for matte in mattes]
    assert middles == sorted(middles, reverse=True)
    assert middles[3] == pytest.approx(255 / 2, abs=2)


def test_box() -> None:
    """The network is shown the person and a margin around her, and what it sees is put back."""
    shown: list[NDArray[np.float32]] = []

    class Watching(BrightLooker):
        def __call__(self, pictures: NDArray[np.float32]) -> list[Matte]:
            shown.extend(pictures)
            return super().__call__(pictures)

    made = frames([with_square(textured(1), 60)])
    truth = np.uint8(255) * (made[0].value.y == 235)
    [(_, matte)] = propagate([(made[0], truth)], Watching(), [0], 6)
    # With 12 % more on each side; then to the grid, whose steps are 6 of this frame's 160 pixels.
    assert 1 / 1.5**2 < (shown[0][..., 1] > 0.9).mean() < 1 / 1.24**2
    assert _iou(matte, truth) > 0.9


def test_read_ahead() -> None:
    """No more frames are held than lie between two looks, and a batch."""
    read = 0

    def reading() -> Iterator[FrameMatte]:
        nonlocal read
        for one in found:
            read += 1
            yield one

    found = vague(frames([textured(1)] * 60))
    held = [
        read - given
        for given, _ in enumerate(propagate(reading(), BrightLooker(), times(found), 12))
    ]
    assert max(held) <= 12 + BATCH_FRAMES + FILTER_WINDOW + 1
