"""A transparent overlay: the person, shaped, with nothing around her."""

from collections.abc import Iterator
from contextlib import closing
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from video_editing.compositing.alpha_source import Pairs, person, thinned
from video_editing.compositing.audio_mix import mixed
from video_editing.compositing.face_position import look, middle
from video_editing.compositing.layout import Size, laid_out
from video_editing.compositing.overlay import OverlayMaker, framed
from video_editing.concurrency import ahead, cpus
from video_editing.contract.formats import Extent
from video_editing.contract.progress import Report, counted, unreported
from video_editing.contract.style import Style
from video_editing.frames import CutOut, Timed
from video_editing.matting.engines import MEDIAPIPE, Choice
from video_editing.matting.matte_stream import AHEAD
from video_editing.reading.probe import Clip
from video_editing.writing.alpha_video import (
    STICKER_BYTES,
    STICKER_RATE,
    STICKER_SECONDS,
    STICKER_SIDE,
    mov_file,
    sticker_file,
    webm_file,
)
from video_editing.writing.size_budget import within


class Container(StrEnum):
    """What an overlay is kept in."""

    MOV = "mov"
    WEBM = "webm"


def cut(
    clip: Clip,
    result: Path,
    container: Container,
    *,
    style: Style,
    full_frame: bool = False,
    choice: Choice = MEDIAPIPE,
    mattes: Path | None = None,
    report: Report = unreported,
) -> dict[str, list[int]]:
    """Write the overlay of *clip* with straight alpha, cropped to its shape.

    Args:
        clip: from `clip.probe`.
        result: appears when it is whole.
        container: "mov" is ProRes 4444, "webm" VP9.
        style: the overlay's looks; its place and size on a result do not matter.
        full_frame: keep the clip's whole frame, transparent around the shape.
        choice: the engine.
        mattes: a folder of segments or a final grey video, made before.
        report: is told how many frames are done.

    Returns:
        "box", the overlay's left, top, width and height in the clip's frame, and "frame", that
        frame's width and height, all in pixels; the file's comment tag says the same.

    Raises:
        InputRejected: the clip or the mattes cannot be used.
        ModelUnavailable: the engine cannot work here.
        OutputFailed: the result cannot be written.
    """
    layout = laid_out(clip.size, style, middle(look(clip), style))
    left, top = layout.box.left - layout.margin, layout.box.top - layout.margin
    size = clip.size if full_frame else layout.size
    note = {
        "box": [0, 0, *size] if full_frame else [left, top, *size],
        "frame": list(clip.size),
    }
    file = {Container.MOV: mov_file, Container.WEBM: webm_file}[container]
    sound = mixed(clip, seconds=clip.duration) if clip.sound is not None else None
    with (
        person(clip, style, choice, mattes) as (pairs, alpha),
        file(
            result,
            size,
            clip.timebase,
            rate=clip.rate,
            seconds=clip.duration,
            sound=sound is not None,
            threads=min(4, cpus()),
            note=note,
        ) as writer,
    ):
        maker = OverlayMaker(layout, style, alpha, clip.duration)
        overlays = _overlays(pairs, maker, clip.timebase)
        if full_frame:
            overlays = _in_frame(overlays, left, top, clip.size)
        with closing(ahead(overlays, AHEAD)) as ready:
            writer.feed(counted(ready, "cut", len(clip.times), report), sound, clip.timebase)
    return note


def sticker(
    clip: Clip,
    result: Path,
    *,
    style: Style,
    choice: Choice = MEDIAPIPE,
    mattes: Path | None = None,
    report: Report = unreported,
) -> Extent:
    """Write the clip's first three seconds as a Telegram video sticker.

    Args and Raises are those of :func:`cut`; also InputRejected, DOES_NOT_FIT.

    Returns:
        the size and length that it has.
    """
    seconds = min(clip.duration, Fraction(STICKER_SECONDS))
    # A sticker is all overlay: it fills its square, and has no room around it for a shadow.
    style = style.model_copy(update={"size": 1.0, "shadow": 0.0})
    layout = laid_out(clip.size, style, middle(look(clip), style), (STICKER_SIDE, STICKER_SIDE))
    total = sum(time * clip.timebase < seconds for time in clip.times)

    def attempt(max_bytes: int) -> None:
        with (
            person(clip, style, choice, mattes, int(seconds / clip.timebase)) as (pairs, alpha),
            sticker_file(
                result,
                layout.size,
                clip.timebase,
                rate=min(clip.rate, Fraction(STICKER_RATE)),
                seconds=seconds,
                threads=min(4, cpus()),
                max_bytes=max_bytes,
            ) as writer,
        ):
            maker = OverlayMaker(layout, style, alpha, seconds)
            passed = counted(pairs, "cut", total, report)
            few = thinned(passed, clip.timebase, STICKER_RATE)
            for overlay in _overlays(few, maker, clip.timebase):
                writer.picture(overlay)

    within(STICKER_BYTES, attempt)
    return Extent(*layout.size, float(seconds))


def _overlays(pairs: Pairs, maker: OverlayMaker, timebase: Fraction) -> Iterator[Timed[CutOut]]:
    for frame, matte in pairs:
        yield Timed(frame.time, maker.made(frame.what, matte, frame.time * timebase))


def _in_frame(
    overlays: Iterator[Timed[CutOut]], left: int, top: int, frame: Size
) -> Iterator[Timed[CutOut]]:
    """Each overlay at its place in the clip's whole frame."""
    for overlay in overlays:
        yield Timed(overlay.time, framed(overlay.what, left, top, frame))
