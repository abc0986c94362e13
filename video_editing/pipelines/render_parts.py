"""What a renderer elsewhere puts together: the overlay, what is seen of it, and the background.

All of it is as large as on the result, so the renderer only lays one on the other. Ring, shadow
and fade are part of the overlay, as they are in our own results.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import webcolors

from video_editing.compositing.alpha_source import person
from video_editing.compositing.audio_mix import has_sound, mixed
from video_editing.compositing.background import Background, Blurred, Film, Still, covering
from video_editing.compositing.face_position import look, middle
from video_editing.compositing.layout import Size, laid_out, placed, within_side
from video_editing.compositing.overlay import OverlayMaker, framed
from video_editing.concurrency import ahead, cpus
from video_editing.contract.atomic_file import output_errors
from video_editing.contract.progress import Report, counted, unreported
from video_editing.contract.style import Style
from video_editing.frames import Box, CutOut, Matte, Picture, Timed
from video_editing.matting.engines import MEDIAPIPE, Choice
from video_editing.matting.matte_stream import AHEAD
from video_editing.pipelines.thumbnail import jpeg
from video_editing.pixels import halved, rgb
from video_editing.reading.decode import pictures
from video_editing.reading.probe import Clip
from video_editing.writing.alpha_video import mov_file, webm_file
from video_editing.writing.encoder import Writer
from video_editing.writing.mp4 import result_file

BLUR_SIDE = 480  #: pixels of the longer side of a blurred background; nothing in it is sharp
#: luma of each alpha: 16 for what is not there, 235 for what is solid
LUMA = np.array([round(16 + alpha * 219 / 255) for alpha in range(256)], np.uint8)

T = TypeVar("T")


class Way(StrEnum):
    """How a renderer is told what is transparent."""

    LUMA = "luma"  #: H.264, and a second one that is white where the first is seen
    MOV = "mov"  #: ProRes 4444 with alpha
    WEBM = "webm"  #: VP9 with alpha


class Pace(NamedTuple):
    """When the pictures come: evenly, for programs on servers lose the voice where they do not.

    Attributes:
        rate: pictures a second.
        total: how many there are.
    """

    rate: Fraction
    total: int

    @property
    def seconds(self) -> Fraction:
        """How long all of them last."""
        return self.total / self.rate

    def kept(self, items: Iterator[Timed[T]], timebase: Fraction) -> Iterator[Timed[T]]:
        """For each tick the item that is on screen in its middle."""
        tick = 0
        shown = next(items)
        for item in items:
            while tick < self.total and (tick + Fraction(1, 2)) / self.rate < item.time * timebase:
                yield Timed(tick, shown.what)
                tick += 1
            shown = item
        for late in range(tick, self.total):
            yield Timed(late, shown.what)


def parts(
    clip: Clip,
    folder: Path,
    background: Background,
    source: str,
    canvas: Size,
    *,
    rate: Fraction,
    style: Style,
    way: Way = Way.LUMA,
    choice: Choice = MEDIAPIPE,
    mattes: Path | None = None,
    report: Report = unreported,
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
        way: how transparency is written.
        choice: the engine.
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
    with output_errors():
        folder.mkdir(parents=True, exist_ok=True)
    pace = Pace(rate, max(1, round(clip.duration * rate)))
    layout = laid_out(clip.size, style, middle(look(clip), style), canvas)
    corner = placed(layout, style, canvas)
    box = seen(corner, layout.size, canvas)
    overlay = folder / ("overlay.mp4" if way is Way.LUMA else f"overlay.{way}")
    luma = folder / "luma.mp4" if way is Way.LUMA else None
    with person(clip, style, choice, mattes) as (pairs, alpha):
        maker = OverlayMaker(layout, style, alpha, clip.duration)
        overlays = (
            Timed(frame.time, maker.made(frame.what, matte, frame.time * clip.timebase))
            for frame, matte in counted(pairs, "render", len(clip.times), report)
        )
        cropped = _cropped(pace.kept(overlays, clip.timebase), corner, box)
        with closing(ahead(cropped, AHEAD)) as ready:
            _write(ready, overlay, luma, clip, box, pace)
    return {
        "canvas": list(canvas),
        "box": list(box),
        "seconds": float(pace.seconds),
        "sound": has_sound(clip, None),
        "overlay": str(overlay),
        "luma": luma and str(luma),
        "background": _backdrop(clip, folder, background, source, canvas, pace),
    }


def seen(corner: tuple[int, int], size: Size, canvas: Size) -> Box:
    """What of an overlay with that corner lies on the canvas; two lines where nothing does."""
    spans = []
    for start, extent, length in zip(corner, size, canvas, strict=True):
        first = min(max(start, 0), start + extent - 2)
        last = max(min(start + extent, length), first + 2)
        spans.append((first, last - first))
    (left, width), (top, height) = spans
    return Box(left, top, width, height)


def grey(alpha: Matte) -> Picture:
    """*alpha* as a picture: black where nothing is, white where all is."""
    half = halved((alpha.shape[1], alpha.shape[0]))[::-1]
    neutral = np.full(half, 128, np.uint8)
    return Picture(np.asarray(cv2.LUT(alpha, LUMA), np.uint8), neutral, neutral)


def _cropped(
    overlays: Iterator[Timed[CutOut]], corner: tuple[int, int], box: Box
) -> Iterator[Timed[CutOut]]:
    left, top = corner[0] - box.left, corner[1] - box.top
    for overlay in overlays:
        yield Timed(overlay.time, framed(overlay.what, left, top, (box.width, box.height)))


def _write(
    overlays: Iterator[Timed[CutOut]],
    overlay: Path,
    luma: Path | None,
    clip: Clip,
    box: Box,
    pace: Pace,
) -> None:
    """Write the overlay with the clip's voice, and its matte where it has a file of its own."""
    loud = has_sound(clip, None)
    sound = mixed(clip, seconds=pace.seconds) if loud else None
    size, tick = (box.width, box.height), 1 / pace.rate
    if luma is None:
        file = webm_file if overlay.suffix == ".webm" else mov_file
        with file(
            overlay,
            size,
            tick,
            rate=pace.rate,
            seconds=pace.seconds,
            sound=loud,
            threads=min(4, cpus()),
            note={},
        ) as writer:
            writer.feed(overlays, sound, tick)
        return
    with (
        _mp4(luma, size, pace, sound=False) as matte,
        _mp4(overlay, size, pace, sound=loud) as pictured,
    ):

        def coloured() -> Iterator[Timed[Picture]]:
            for it in overlays:
                matte.picture(Timed(it.time, grey(it.what.alpha)))
                yield Timed(it.time, it.what.picture)

        pictured.feed(coloured(), sound, tick)


def _mp4(
    path: Path, size: Size, pace: Pace, *, sound: bool
) -> AbstractContextManager[Writer[Picture]]:
    return result_file(
        path,
        size,
        1 / pace.rate,
        rate=pace.rate,
        seconds=pace.seconds,
        sound=sound,
        threads=min(4, cpus()),
    )


def _backdrop(
    clip: Clip, folder: Path, background: Background, source: str, canvas: Size, pace: Pace
) -> dict[str, object]:
    """Write what is behind, where it is no film and no colour, and tell of it."""
    match background:
        case Film(clip=film):
            return {
                "film": source,
                "seconds": float(film.duration),
                "sound": has_sound(film, None),
            }
        case Blurred():
            path = folder / "blur.mp4"
            size = within_side(canvas, BLUR_SIDE)
            with background.behind(size) as behind, _mp4(path, size, pace, sound=False) as writer:
                shown = pace.kept(pictures(clip), clip.timebase)
                soft = (Timed(it.time, behind(Fraction(0), it.what)) for it in shown)
                writer.feed(soft, None, 1 / pace.rate)
            return {"film": str(path), "seconds": float(pace.seconds), "sound": False}
        case Still(picture=picture):
            path = folder / "background.jpg"
            jpeg(rgb(covering(picture, canvas), canvas), path)
            return {"picture": str(path)}
        case _:
            named = not source.startswith("#")
            colour = webcolors.name_to_hex(source) if named else webcolors.normalize_hex(source)
            return {"colour": colour}
