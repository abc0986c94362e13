"""Cut the person out: a transparent overlay of a clip, with straight alpha."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TypedDict

from video_editing.compositing.composition import Composition
from video_editing.compositing.layout import Size
from video_editing.compositing.overlay import place_in_frame
from video_editing.concurrency import prefetch
from video_editing.contract.formats import OutputFormat, OutputInfo
from video_editing.contract.progress import Report, ignore
from video_editing.frames import Layer, Timed
from video_editing.matting.matte_stream import PREFETCH_DEPTH
from video_editing.writing.alpha_video import open_mov, open_sticker, open_webm
from video_editing.writing.size_budget import retry_smaller
from video_editing.writing.tracks import StreamSpec


class OverlayPlacement(TypedDict):
    """Where an overlay belongs, in pixels; the file's comment tag holds the same as JSON.

    Attributes:
        box: left, top, width and height in the clip's frame.
        frame: width and height of that frame.
    """

    box: list[int]
    frame: list[int]


def cut(
    composition: Composition,
    result: Path,
    output_format: OutputFormat,
    *,
    is_full_frame: bool = False,
    report: Report = ignore,
) -> OverlayPlacement:
    """Write the overlay of a clip, cropped to its shape.

    Args:
        composition: the clip and how its person is cut out; position and size are not used.
        result: path of the file; it appears when it is complete.
        output_format: MOV is ProRes 4444, WEBM is VP9.
        is_full_frame: keep the clip's full frame, transparent around the shape.
        report: receives the number of frames done.

    Raises:
        InputRejected: the clip or the mattes cannot be used.
        ModelUnavailable: the engine cannot run on this machine.
        OutputFailed: the result cannot be written.
    """
    clip = composition.clip
    layout = composition.compute_layout()
    left, top = layout.box.left - layout.margin, layout.box.top - layout.margin
    box = [0, 0, *clip.size] if is_full_frame else [left, top, *layout.size]
    placement = OverlayPlacement(box=box, frame=[*clip.size])
    open_file = {OutputFormat.MOV: open_mov, OutputFormat.WEBM: open_webm}[output_format]
    sound = composition.mix_sound() if composition.has_sound() else None
    spec = StreamSpec(
        size=(box[2], box[3]),
        timebase=clip.timebase,
        rate=clip.rate,
        seconds=composition.seconds,
        has_sound=sound is not None,
    )
    with (
        composition.open_frames(layout, "cut", report) as frames,
        open_file(result, spec, placement) as writer,
    ):
        overlays: Iterator[Timed[Layer]] = (Timed(frame.time, frame.overlay) for frame in frames)
        if is_full_frame:
            overlays = _place_overlays(overlays, left, top, clip.size)
        with closing(prefetch(overlays, PREFETCH_DEPTH)) as ready:
            writer.write_all(ready, sound, clip.timebase)
    return placement


def cut_sticker(composition: Composition, result: Path, report: Report = ignore) -> OutputInfo:
    """Write the first three seconds of a clip as a Telegram video sticker.

    Args and Raises are those of :func:`cut`; also InputRejected, DOES_NOT_FIT.

    Returns:
        The size and length of the sticker.
    """
    limits = OutputFormat.STICKER.spec
    # The overlay fills the sticker, which leaves no room around it for a shadow.
    style = composition.style.model_copy(update={"size": 1.0, "shadow": 0.0})
    composition = replace(composition, style=style).limit(limits.max_seconds)
    clip, seconds = composition.clip, composition.seconds
    layout = composition.compute_layout((limits.side, limits.side))

    spec = StreamSpec(
        size=layout.size,
        timebase=clip.timebase,
        rate=min(clip.rate, Fraction(limits.max_rate)),
        seconds=seconds,
    )

    def attempt(max_bytes: int) -> None:
        with (
            composition.open_frames(layout, "cut", report, max_rate=limits.max_rate) as frames,
            open_sticker(result, spec, max_bytes) as writer,
        ):
            for frame in frames:
                writer.write_picture(Timed(frame.time, frame.overlay))

    retry_smaller(limits.max_bytes, attempt)
    return OutputInfo(*layout.size, float(seconds))


def _place_overlays(
    overlays: Iterator[Timed[Layer]], left: int, top: int, frame: Size
) -> Iterator[Timed[Layer]]:
    """Yield each overlay at (left, top) of a transparent frame."""
    for overlay in overlays:
        yield Timed(overlay.time, place_in_frame(overlay.value, left, top, frame))
