"""What a renderer elsewhere puts together: the overlay, what is seen of it, and the background.

All of it is as large as on the result, so the renderer only lays one on the other. Ring, shadow
and fade are part of the overlay, as they are in our own results.
"""

from collections.abc import Iterator
from contextlib import closing
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import webcolors

from video_editing.compositing.alpha_source import open_alpha_source
from video_editing.compositing.audio_mix import has_sound, mix_audio
from video_editing.compositing.background import (
    Background,
    BlurredBackground,
    ImageBackground,
    VideoBackground,
    cover,
)
from video_editing.compositing.face_position import compute_shape_centre, find_face
from video_editing.compositing.layout import Size, compute_layout, compute_top_left, fit_within_side
from video_editing.compositing.overlay import OverlayRenderer, place_in_frame
from video_editing.concurrency import prefetch
from video_editing.contract.atomic_file import translate_output_errors
from video_editing.contract.progress import Report, ignore_progress, with_progress
from video_editing.contract.style import Style
from video_editing.frames import Box, Layer, Matte, Picture, Timed
from video_editing.matting.engines import DEFAULT_ENGINE, EngineOptions
from video_editing.matting.matte_stream import PREFETCH_DEPTH
from video_editing.pipelines.thumbnail import write_jpeg
from video_editing.pixels import compute_chroma_size, convert_to_rgb
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip
from video_editing.writing.alpha_video import open_mov, open_webm
from video_editing.writing.mp4 import open_mp4
from video_editing.writing.tracks import StreamSpec

BLUR_SIDE = 480  #: pixels of the longer side of a blurred background; nothing in it is sharp
#: luma of each alpha: 16 for what is not there, 235 for what is solid
LUMA_BY_ALPHA = np.array([round(16 + alpha * 219 / 255) for alpha in range(256)], np.uint8)

T = TypeVar("T")


class AlphaFormat(StrEnum):
    """How a renderer is told what is transparent."""

    LUMA = "luma"  #: H.264, and a second one that is white where the first is seen
    MOV = "mov"  #: ProRes 4444 with alpha
    WEBM = "webm"  #: VP9 with alpha


class ConstantRate(NamedTuple):
    """When the pictures come: evenly, for programs on servers lose the voice where they do not.

    Attributes:
        rate: pictures a second.
        frame_count: how many there are.
    """

    rate: Fraction
    frame_count: int

    @property
    def seconds(self) -> Fraction:
        """How long all of them last."""
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
        """For each tick the item that is on screen in its middle."""
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


def render_parts(
    clip: Clip,
    folder: Path,
    background: Background,
    source: str,
    canvas: Size,
    *,
    rate: Fraction,
    style: Style,
    alpha_format: AlphaFormat = AlphaFormat.LUMA,
    engine_options: EngineOptions = DEFAULT_ENGINE,
    mattes: Path | None = None,
    report: Report = ignore_progress,
) -> dict[str, object]:
    """Write the overlay of *clip*, and what is behind it, to *folder*.

    Args:
        clip: from `clip.probe`.
        folder: is made where it is not there.
        background: from `background.background`.
        source: what people called that background.
        canvas: width and height of the result, both even.
        rate: pictures a second.
        style: the overlay's looks.
        alpha_format: how transparency is written.
        engine_options: the engine.
        mattes: a folder of segments or a final grey video, made before.
        report: is told how many frames are done.

    Returns:
        "canvas"; "box": the overlay's left, top, width and height on it; "seconds"; "sound":
        whether the overlay has any; "overlay": its file; "luma": that of its matte, or None;
        "background": either "colour", #rrggbb, or "picture", a file of the canvas's size, or
        "film", a file, with its "seconds" and whether it has "sound".

    Raises:
        InputRejected: the clip, the background or the mattes cannot be used.
        ModelUnavailable: the engine cannot work here.
        OutputFailed: the folder cannot be written to.
    """
    with translate_output_errors():
        folder.mkdir(parents=True, exist_ok=True)
    pace = ConstantRate(rate, max(1, round(clip.duration * rate)))
    layout = compute_layout(clip.size, style, compute_shape_centre(find_face(clip), style), canvas)
    corner = compute_top_left(layout, style, canvas)
    box = find_visible_box(corner, layout.size, canvas)
    overlay = folder / (
        "overlay.mp4" if alpha_format is AlphaFormat.LUMA else f"overlay.{alpha_format}"
    )
    luma = folder / "luma.mp4" if alpha_format is AlphaFormat.LUMA else None
    with open_alpha_source(clip, style, engine_options, mattes) as (pairs, alpha):
        maker = OverlayRenderer(layout, style, alpha, clip.duration)
        overlays = (
            Timed(frame.time, maker.render(frame.value, matte, frame.time * clip.timebase))
            for frame, matte in with_progress(pairs, "render", len(clip.times), report)
        )
        cropped = _crop_overlays(pace.resample(overlays, clip.timebase), corner, box)
        with closing(prefetch(cropped, PREFETCH_DEPTH)) as ready:
            _write_overlay(ready, overlay, luma, clip, box, pace)
    return {
        "canvas": list(canvas),
        "box": list(box),
        "seconds": float(pace.seconds),
        "sound": has_sound(clip, None),
        "overlay": str(overlay),
        "luma": luma and str(luma),
        "background": _write_background(clip, folder, background, source, canvas, pace),
    }


def find_visible_box(corner: tuple[int, int], size: Size, canvas: Size) -> Box:
    """What of an overlay with that corner lies on the canvas; two lines where nothing does."""
    spans = []
    for start, extent, length in zip(corner, size, canvas, strict=True):
        first = min(max(start, 0), start + extent - 2)
        last = max(min(start + extent, length), first + 2)
        spans.append((first, last - first))
    (left, width), (top, height) = spans
    return Box(left, top, width, height)


def convert_alpha_to_luma(alpha: Matte) -> Picture:
    """*alpha* as a picture: black where nothing is, white where all is."""
    half = compute_chroma_size((alpha.shape[1], alpha.shape[0]))[::-1]
    neutral = np.full(half, 128, np.uint8)
    return Picture(np.asarray(cv2.LUT(alpha, LUMA_BY_ALPHA), np.uint8), neutral, neutral)


def _crop_overlays(
    overlays: Iterator[Timed[Layer]], corner: tuple[int, int], box: Box
) -> Iterator[Timed[Layer]]:
    left, top = corner[0] - box.left, corner[1] - box.top
    for overlay in overlays:
        yield Timed(overlay.time, place_in_frame(overlay.value, left, top, (box.width, box.height)))


def _write_overlay(
    overlays: Iterator[Timed[Layer]],
    overlay: Path,
    luma: Path | None,
    clip: Clip,
    box: Box,
    timing: ConstantRate,
) -> None:
    """Write the overlay with the clip's voice, and its matte where it has a file of its own."""
    loud = has_sound(clip, None)
    sound = mix_audio(clip, seconds=timing.seconds) if loud else None
    size, tick = (box.width, box.height), 1 / timing.rate
    if luma is None:
        file = open_webm if overlay.suffix == ".webm" else open_mov
        with file(overlay, timing.make_spec(size, has_sound=loud), {}) as writer:
            writer.write_all(overlays, sound, tick)
        return
    with (
        open_mp4(luma, timing.make_spec(size)) as matte,
        open_mp4(overlay, timing.make_spec(size, has_sound=loud)) as pictured,
    ):

        def coloured() -> Iterator[Timed[Picture]]:
            for it in overlays:
                matte.write_picture(Timed(it.time, convert_alpha_to_luma(it.value.alpha)))
                yield Timed(it.time, it.value.picture)

        pictured.write_all(coloured(), sound, tick)


def _write_background(
    clip: Clip,
    folder: Path,
    background: Background,
    source: str,
    canvas: Size,
    timing: ConstantRate,
) -> dict[str, object]:
    """Write what is behind, where it is no film and no colour, and tell of it."""
    match background:
        case VideoBackground(clip=film):
            return {
                "film": source,
                "seconds": float(film.duration),
                "sound": has_sound(film, None),
            }
        case BlurredBackground():
            path = folder / "blur.mp4"
            size = fit_within_side(canvas, BLUR_SIDE)
            with (
                background.open_sampler(size) as behind,
                open_mp4(path, timing.make_spec(size)) as writer,
            ):
                shown = timing.resample(read_frames(clip), clip.timebase)
                soft = (Timed(it.time, behind(Fraction(0), it.value)) for it in shown)
                writer.write_all(soft, None, 1 / timing.rate)
            return {"film": str(path), "seconds": float(timing.seconds), "sound": False}
        case ImageBackground(picture=picture):
            path = folder / "background.jpg"
            write_jpeg(convert_to_rgb(cover(picture, canvas), canvas), path)
            return {"picture": str(path)}
        case _:
            named = not source.startswith("#")
            colour = webcolors.name_to_hex(source) if named else webcolors.normalize_hex(source)
            return {"colour": colour}
