"""A transparent overlay: the person, shaped, with nothing around her."""

from collections.abc import Iterator
from contextlib import closing
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from video_editing.compositing.alpha_source import (
    OptionalMattePairs,
    drop_frames,
    open_alpha_source,
)
from video_editing.compositing.audio_mix import mix_audio
from video_editing.compositing.face_position import compute_shape_centre, find_face
from video_editing.compositing.layout import Size, compute_layout
from video_editing.compositing.overlay import OverlayRenderer, place_in_frame
from video_editing.concurrency import prefetch
from video_editing.contract.formats import OutputInfo
from video_editing.contract.progress import Report, ignore_progress, with_progress
from video_editing.contract.style import Style
from video_editing.frames import Layer, Timed
from video_editing.matting.engines import DEFAULT_ENGINE, EngineOptions
from video_editing.matting.matte_stream import PREFETCH_DEPTH
from video_editing.reading.probe import Clip
from video_editing.writing.alpha_video import (
    STICKER_MAX_BYTES,
    STICKER_MAX_RATE,
    STICKER_MAX_SECONDS,
    STICKER_SIDE,
    open_mov,
    open_sticker,
    open_webm,
)
from video_editing.writing.size_budget import retry_smaller
from video_editing.writing.tracks import StreamSpec


class OverlayContainer(StrEnum):
    """What an overlay is kept in."""

    MOV = "mov"
    WEBM = "webm"


def cut(
    clip: Clip,
    result: Path,
    container: OverlayContainer,
    *,
    style: Style,
    is_full_frame: bool = False,
    engine_options: EngineOptions = DEFAULT_ENGINE,
    mattes: Path | None = None,
    report: Report = ignore_progress,
) -> dict[str, list[int]]:
    """Write the overlay of *clip* with straight alpha, cropped to its shape.

    Args:
        clip: from `clip.probe`.
        result: appears when it is whole.
        container: "mov" is ProRes 4444, "webm" VP9.
        style: the overlay's looks; its place and size on a result do not matter.
        is_full_frame: keep the clip's whole frame, transparent around the shape.
        engine_options: the engine.
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
    layout = compute_layout(clip.size, style, compute_shape_centre(find_face(clip), style))
    left, top = layout.box.left - layout.margin, layout.box.top - layout.margin
    size = clip.size if is_full_frame else layout.size
    note = {
        "box": [0, 0, *size] if is_full_frame else [left, top, *size],
        "frame": list(clip.size),
    }
    file = {OverlayContainer.MOV: open_mov, OverlayContainer.WEBM: open_webm}[container]
    sound = mix_audio(clip, seconds=clip.duration) if clip.audio_stream is not None else None
    spec = StreamSpec(
        size=size,
        timebase=clip.timebase,
        rate=clip.rate,
        seconds=clip.duration,
        has_sound=sound is not None,
    )
    with (
        open_alpha_source(clip, style, engine_options, mattes) as (pairs, alpha),
        file(result, spec, note) as writer,
    ):
        maker = OverlayRenderer(layout, style, alpha, clip.duration)
        overlays = _render_overlays(pairs, maker, clip.timebase)
        if is_full_frame:
            overlays = _place_overlays(overlays, left, top, clip.size)
        with closing(prefetch(overlays, PREFETCH_DEPTH)) as ready:
            writer.write_all(
                with_progress(ready, "cut", len(clip.times), report), sound, clip.timebase
            )
    return note


def cut_sticker(
    clip: Clip,
    result: Path,
    *,
    style: Style,
    engine_options: EngineOptions = DEFAULT_ENGINE,
    mattes: Path | None = None,
    report: Report = ignore_progress,
) -> OutputInfo:
    """Write the clip's first three seconds as a Telegram video sticker.

    Args and Raises are those of :func:`cut`; also InputRejected, DOES_NOT_FIT.

    Returns:
        the size and length that it has.
    """
    seconds = min(clip.duration, Fraction(STICKER_MAX_SECONDS))
    # A sticker is all overlay: it fills its square, and has no room around it for a shadow.
    style = style.model_copy(update={"size": 1.0, "shadow": 0.0})
    layout = compute_layout(
        clip.size, style, compute_shape_centre(find_face(clip), style), (STICKER_SIDE, STICKER_SIDE)
    )
    total = sum(time * clip.timebase < seconds for time in clip.times)
    spec = StreamSpec(
        size=layout.size,
        timebase=clip.timebase,
        rate=min(clip.rate, Fraction(STICKER_MAX_RATE)),
        seconds=seconds,
    )

    def attempt(max_bytes: int) -> None:
        with (
            open_alpha_source(
                clip, style, engine_options, mattes, int(seconds / clip.timebase)
            ) as (pairs, alpha),
            open_sticker(result, spec, max_bytes) as writer,
        ):
            maker = OverlayRenderer(layout, style, alpha, seconds)
            passed = with_progress(pairs, "cut", total, report)
            few = drop_frames(passed, clip.timebase, STICKER_MAX_RATE)
            for overlay in _render_overlays(few, maker, clip.timebase):
                writer.write_picture(overlay)

    retry_smaller(STICKER_MAX_BYTES, attempt)
    return OutputInfo(*layout.size, float(seconds))


def _render_overlays(
    pairs: OptionalMattePairs, renderer: OverlayRenderer, timebase: Fraction
) -> Iterator[Timed[Layer]]:
    for frame, matte in pairs:
        yield Timed(frame.time, renderer.render(frame.value, matte, frame.time * timebase))


def _place_overlays(
    overlays: Iterator[Timed[Layer]], left: int, top: int, frame: Size
) -> Iterator[Timed[Layer]]:
    """Each overlay at its place in the clip's whole frame."""
    for overlay in overlays:
        yield Timed(overlay.time, place_in_frame(overlay.value, left, top, frame))
