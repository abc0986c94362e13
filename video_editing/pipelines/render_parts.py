"""Render the parts that a renderer elsewhere composes: the overlay, its alpha and the background.

All parts have the size they have on the result, so the renderer only lays one over the other.
Ring, shadow and fade are part of the overlay, as in our own results.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypedDict, TypeVar

import cv2
import numpy as np
import webcolors
from numpy.typing import NDArray

from video_editing.compositing.audio_mix import has_sound
from video_editing.compositing.background import (
    AnimationBackground,
    Background,
    BlurredBackground,
    ColourBackground,
    ImageBackground,
    VideoBackground,
    cover,
)
from video_editing.compositing.composition import Composition, OverlayFrame
from video_editing.compositing.layout import Size, compute_top_left, fit_within_side
from video_editing.compositing.overlay import place_in_frame
from video_editing.concurrency import prefetch
from video_editing.contract.atomic_file import atomic_folder
from video_editing.contract.progress import Report, ignore
from video_editing.frames import Box, Layer, Matte, Picture, Timed
from video_editing.matting.matte_stream import PREFETCH_DEPTH
from video_editing.pipelines.preview import write_jpeg
from video_editing.pipelines.reference import (
    FrameCapture,
    ReferencePictures,
    choose_moment,
    describe_references,
    write_references,
)
from video_editing.pixels import compute_chroma_size, convert_to_rgb
from video_editing.writing.alpha_video import open_mov, open_webm
from video_editing.writing.encoder import FileWriter
from video_editing.writing.mp4 import open_mp4
from video_editing.writing.tracks import StreamSpec

BLUR_SIDE = 480  #: pixels of the longer side of a blurred background, which has no fine detail
#: luma of each alpha: 16 where it is transparent, 235 where it is opaque
LUMA_BY_ALPHA = np.array([round(16 + alpha * 219 / 255) for alpha in range(256)], np.uint8)
INVERTED_LUMA_BY_ALPHA = np.ascontiguousarray(LUMA_BY_ALPHA[::-1])

T = TypeVar("T")


class AlphaFormat(StrEnum):
    """How the overlay's transparency is written."""

    LUMA = "luma"  #: H.264, and a second one whose luma is the alpha
    LUMA_INVERTED = "luma-inverted"  #: the same, but black where the overlay is opaque
    MOV = "mov"  #: ProRes 4444 with alpha
    WEBM = "webm"  #: VP9 with alpha


class ConstantRate(NamedTuple):
    """Evenly spaced frames; renderers lose the voice of a clip with uneven ones.

    Attributes:
        rate: frames a second.
        frame_count: number of frames.
    """

    rate: Fraction
    frame_count: int

    @property
    def seconds(self) -> Fraction:
        """Length of all frames together."""
        return self.frame_count / self.rate

    def make_spec(self, size: Size, *, has_sound: bool = False) -> StreamSpec:
        """Return the streams of a file of *size* with one frame per tick."""
        return StreamSpec(
            size=size,
            timebase=1 / self.rate,
            rate=self.rate,
            seconds=self.seconds,
            has_sound=has_sound,
        )

    def resample(self, items: Iterator[Timed[T]], timebase: Fraction) -> Iterator[Timed[T]]:
        """Yield for each tick the item that is shown in its middle."""
        tick = 0
        shown = next(items)
        for item in items:
            while (
                tick < self.frame_count
                and (tick + Fraction(1, 2)) / self.rate < item.time * timebase
            ):
                yield Timed(tick, shown.value)
                tick += 1
            shown = item
        for late in range(tick, self.frame_count):
            yield Timed(late, shown.value)


@dataclass(frozen=True, slots=True)
class PartsOptions:
    """How parts are written.

    Attributes:
        rate: frames a second; None is the clip's own rate.
        alpha_format: how the overlay's transparency is written.
    """

    rate: Fraction | None = None
    alpha_format: AlphaFormat = AlphaFormat.LUMA


DEFAULT_PARTS = PartsOptions()


class RenderedParts(TypedDict):
    """The parts of a result.

    Attributes:
        canvas: width and height of the result.
        box: left, top, width and height of the overlay on it.
        seconds: length of the overlay.
        sound: whether the overlay has sound.
        overlay: path of the overlay.
        luma: path of the video whose luma is the overlay's alpha; None if the overlay has alpha.
        background: "colour", #rrggbb; or "picture", the path of one of the canvas's size; or
            "film", the path of a video, with its "seconds" and whether it has "sound".
        reference: one moment of the result, to compare the renderer's with.
    """

    canvas: list[int]
    box: list[int]
    seconds: float
    sound: bool
    overlay: str
    luma: str | None
    background: dict[str, object]
    reference: ReferencePictures


def render_parts(
    composition: Composition,
    folder: Path,
    background: Background,
    canvas: Size,
    options: PartsOptions = DEFAULT_PARTS,
    report: Report = ignore,
) -> RenderedParts:
    """Write the overlay of a clip, and the background if it needs a file, to *folder*.

    Args:
        composition: the clip, and how its person is cut out and placed.
        folder: is created if it does not exist.
        background: from `open_background`.
        canvas: width and height of the result, both even.
        options: how the parts are written.
        report: receives the number of frames read.

    Raises:
        InputRejected: the clip, the background or the mattes cannot be used.
        ModelUnavailable: the engine cannot run on this machine.
        OutputFailed: the folder cannot be written to.
    """
    clip = composition.clip
    rate = options.rate or clip.rate
    timing = ConstantRate(rate, max(1, round(composition.seconds * rate)))
    layout = composition.compute_layout(canvas)
    corner = compute_top_left(layout, composition.style, canvas)
    box = find_visible_box(corner, layout.size, canvas)
    capture = FrameCapture(choose_moment(timing.seconds, rate, composition.style.fade))
    with (
        atomic_folder(folder) as part,
        composition.open_frames(layout, "render", report) as frames,
    ):
        file = _OverlayFile.name(part, options.alpha_format, (box.width, box.height), timing)
        file.write_frames(capture.watch(frames, clip.timebase), composition, corner, box)
        name = _write_background(composition, part, background, canvas, timing)
        write_references(capture, background, canvas, corner, part)
    return {
        "canvas": [*canvas],
        "box": [*box],
        "seconds": float(timing.seconds),
        "sound": composition.has_sound(),
        "overlay": str(folder / file.overlay.name),
        "luma": None if file.luma is None else str(folder / file.luma.name),
        "background": _describe_background(background, folder / name if name else None, timing),
        "reference": describe_references(capture, folder),
    }


def find_visible_box(corner: tuple[int, int], size: Size, canvas: Size) -> Box:
    """Return the part of an overlay that lies on the canvas; two lines of it if nothing does."""
    spans = []
    for start, extent, length in zip(corner, size, canvas, strict=True):
        first = min(max(start, 0), start + extent - 2)
        last = max(min(start + extent, length), first + 2)
        spans.append((first, last - first))
    (left, width), (top, height) = spans
    return Box(left, top, width, height)


def convert_alpha_to_luma(alpha: Matte, table: NDArray[np.uint8] = LUMA_BY_ALPHA) -> Picture:
    """Return *alpha* as a grey picture, whose luma *table* holds for each alpha."""
    half = compute_chroma_size((alpha.shape[1], alpha.shape[0]))[::-1]
    neutral = np.full(half, 128, np.uint8)
    return Picture(np.asarray(cv2.LUT(alpha, table), np.uint8), neutral, neutral)


def _crop_overlays(
    overlays: Iterator[Timed[Layer]], corner: tuple[int, int], box: Box
) -> Iterator[Timed[Layer]]:
    left, top = corner[0] - box.left, corner[1] - box.top
    for overlay in overlays:
        yield Timed(overlay.time, place_in_frame(overlay.value, left, top, (box.width, box.height)))


class _OverlayFile(NamedTuple):
    """The file of the overlay, and that of its alpha.

    Attributes:
        overlay: a video with sound.
        luma: a video whose luma is the alpha; None if the overlay's own file has alpha.
        size: width and height of both.
        timing: of both.
        luma_by_alpha: luma of each alpha.
    """

    overlay: Path
    luma: Path | None
    size: Size
    timing: ConstantRate
    luma_by_alpha: NDArray[np.uint8]

    @classmethod
    def name(
        cls, folder: Path, alpha_format: AlphaFormat, size: Size, timing: ConstantRate
    ) -> "_OverlayFile":
        is_inverted = alpha_format is AlphaFormat.LUMA_INVERTED
        table = INVERTED_LUMA_BY_ALPHA if is_inverted else LUMA_BY_ALPHA
        if is_inverted or alpha_format is AlphaFormat.LUMA:
            return cls(folder / "overlay.mp4", folder / "luma.mp4", size, timing, table)
        return cls(folder / f"overlay.{alpha_format}", None, size, timing, table)

    def write_frames(
        self,
        frames: Iterator[OverlayFrame],
        composition: Composition,
        corner: tuple[int, int],
        box: Box,
    ) -> None:
        """Write the overlays of *frames*, cut to *box*, with the voice of the clip."""
        timed = (Timed(frame.time, frame.overlay) for frame in frames)
        overlays = self.timing.resample(timed, composition.timebase)
        with closing(prefetch(_crop_overlays(overlays, corner, box), PREFETCH_DEPTH)) as ready:
            self._write(ready, composition)

    def _write(self, overlays: Iterator[Timed[Layer]], composition: Composition) -> None:
        is_audible = composition.has_sound()
        sound = composition.mix_sound(seconds=self.timing.seconds) if is_audible else None
        tick = 1 / self.timing.rate
        spec = self.timing.make_spec(self.size, has_sound=is_audible)
        if self.luma is None:
            open_file = open_webm if self.overlay.suffix == ".webm" else open_mov
            with open_file(self.overlay, spec, {}) as writer:
                writer.write_all(overlays, sound, tick)
            return
        with (
            open_mp4(self.luma, self.timing.make_spec(self.size)) as luma,
            open_mp4(self.overlay, spec) as colours,
        ):
            colours.write_all(self._write_luma_beside(overlays, luma), sound, tick)

    def _write_luma_beside(
        self, overlays: Iterator[Timed[Layer]], luma: FileWriter[Picture]
    ) -> Iterator[Timed[Picture]]:
        """Yield the colours of each overlay after writing its alpha to *luma*."""
        for overlay in overlays:
            alpha = convert_alpha_to_luma(overlay.value.alpha, self.luma_by_alpha)
            luma.write_picture(Timed(overlay.time, alpha))
            yield Timed(overlay.time, overlay.value.picture)


def _write_background(
    composition: Composition,
    folder: Path,
    background: Background,
    canvas: Size,
    timing: ConstantRate,
) -> str | None:
    """Write the file of a background that is ours to make; return its name, or None."""
    match background:
        case ImageBackground(picture=picture):
            name = "background.jpg"
            write_jpeg(convert_to_rgb(cover(picture, canvas), canvas), folder / name)
            return name
        case BlurredBackground():
            name, size = "blur.mp4", fit_within_side(canvas, BLUR_SIDE)
            _write_film(composition, background, folder / name, size, timing)
            return name
        case AnimationBackground():
            name = "animation.mp4"
            _write_film(composition, background, folder / name, canvas, timing)
            return name
        case _:
            return None


def _describe_background(
    background: Background, path: Path | None, timing: ConstantRate
) -> dict[str, object]:
    """Describe the background for the renderer; *path* is that of the file that is ours."""
    match background:
        case VideoBackground(clip=film):
            return {
                "film": str(film.path),
                "seconds": float(film.picture_duration),
                "sound": has_sound(film, None),
            }
        case ColourBackground(name=name):
            is_hex = name.startswith("#")
            colour = webcolors.normalize_hex(name) if is_hex else webcolors.name_to_hex(name)
            return {"colour": colour}
        case ImageBackground():
            return {"picture": str(path)}
        case BlurredBackground() | AnimationBackground():
            return {"film": str(path), "seconds": float(timing.seconds), "sound": False}
        case _:
            raise TypeError(f"no part for a {type(background).__name__}")


def _write_film(
    composition: Composition, background: Background, path: Path, size: Size, timing: ConstantRate
) -> None:
    """Write *background* as it is behind the frames of the clip."""
    with (
        background.open_sampler(size) as sample,
        open_mp4(path, timing.make_spec(size)) as writer,
    ):
        shown = timing.resample(composition.read_pictures(), composition.clip.timebase)
        pictures = (
            Timed(frame.time, sample(frame.time / timing.rate, frame.value)) for frame in shown
        )
        writer.write_all(pictures, None, 1 / timing.rate)
