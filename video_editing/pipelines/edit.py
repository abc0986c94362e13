"""The main job: a clip in, a finished video out."""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from video_editing.compositing.alpha_source import (
    OptionalMattePairs,
    drop_frames,
    open_alpha_source,
)
from video_editing.compositing.audio_mix import has_sound, mix_audio
from video_editing.compositing.background import Background, BackgroundSampler
from video_editing.compositing.blend import paste
from video_editing.compositing.face_position import compute_shape_centre, find_face
from video_editing.compositing.layout import Size, compute_layout, compute_top_left, fit_within_side
from video_editing.compositing.overlay import OverlayRenderer
from video_editing.concurrency import prefetch
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.formats import OutputFormat, OutputInfo
from video_editing.contract.progress import Report, ignore_progress, with_progress
from video_editing.contract.style import Style
from video_editing.frames import Picture, Timed
from video_editing.matting.engines import DEFAULT_ENGINE, EngineOptions
from video_editing.matting.matte_stream import PREFETCH_DEPTH
from video_editing.pipelines.thumbnail import with_thumbnail
from video_editing.reading.probe import Clip
from video_editing.writing.encoder import FileWriter
from video_editing.writing.gif import open_gif
from video_editing.writing.mp4 import NOTE_MAX_SECONDS, open_mp4, open_note
from video_editing.writing.size_budget import compute_fitting_size, retry_smaller
from video_editing.writing.tracks import StreamSpec

NOTE_SIDE = 640  #: pixels
GIF_SIDE = 480  #: pixels of the longer side
GIF_SECONDS = 15
GIF_RATE = 15

#: Seconds of a form that takes only the beginning of a clip.
MAX_SECONDS = {OutputFormat.NOTE: NOTE_MAX_SECONDS, OutputFormat.GIF: GIF_SECONDS}


def edit(
    clip: Clip,
    result: Path,
    background: Background,
    canvas: Size,
    *,
    style: Style,
    engine_options: EngineOptions = DEFAULT_ENGINE,
    mattes: Path | None = None,
    output_format: OutputFormat = OutputFormat.VIDEO,
    max_bytes: int | None = None,
    thumbnail: Path | None = None,
    report: Report = ignore_progress,
) -> OutputInfo:
    """Put the person of *clip* on *background* and write *result*.

    The clip's frames, their times and its voice are kept.

    Args:
        clip: from `clip.probe`.
        result: appears when it is whole.
        background: from `background.background`.
        canvas: width and height of the result, both even; a note is square whatever it says.
        style: the overlay's looks.
        engine_options: the engine.
        mattes: a folder of segments or a final grey video, made before; no engine is needed.
        output_format: what the result is made for.
        max_bytes: what it may weigh; quality, and the canvas where need be, give way.
        thumbnail: where a small JPEG of the result's middle goes.
        report: is told how many frames are done.

    Returns:
        the size and length that it has.

    Raises:
        InputRejected: the clip, the background or the mattes cannot be used; or DOES_NOT_FIT.
        ModelUnavailable: the engine cannot work here.
        OutputFailed: the result cannot be written.
    """
    seconds = min(clip.duration, Fraction(MAX_SECONDS.get(output_format, clip.duration)))
    film = background.clip if output_format in {OutputFormat.VIDEO, OutputFormat.NOTE} else None
    loud = output_format in {OutputFormat.VIDEO, OutputFormat.NOTE} and has_sound(clip, film)
    canvas = _choose_canvas(output_format, canvas)
    if max_bytes is not None:
        if output_format in {OutputFormat.NOTE, OutputFormat.GIF}:
            why = "only a video or an animation can be kept to a size"
            raise InputRejected(RejectReason.BAD_OPTION, option="max-mb", why=why)
        canvas = compute_fitting_size(canvas, clip.rate, seconds, max_bytes, has_sound=loud)
    seen = find_face(clip)
    layout = compute_layout(clip.size, style, compute_shape_centre(seen, style), canvas)
    corner = compute_top_left(layout, style, canvas)
    end = None if seconds == clip.duration else int(seconds / clip.timebase)
    total = len(clip.times) if end is None else bisect_left(clip.times, end)

    spec = StreamSpec(
        size=canvas, timebase=clip.timebase, rate=clip.rate, seconds=seconds, has_sound=loud
    )

    def attempt(allowed: int | None) -> None:
        with (
            open_alpha_source(clip, style, engine_options, mattes, end) as (pairs, alpha),
            background.open_sampler(canvas) as behind,
            _open_result(output_format, result, spec, allowed) as writer,
        ):
            passed = with_progress(pairs, "edit", total, report)
            if output_format is OutputFormat.GIF:
                passed = drop_frames(passed, clip.timebase, GIF_RATE)
            maker = OverlayRenderer(layout, style, alpha, seconds)
            frames = compose(passed, maker, behind, corner, clip.timebase)
            if thumbnail is not None:
                frames = with_thumbnail(frames, thumbnail, int(seconds / clip.timebase / 2))
            sound = mix_audio(clip, film, seconds=seconds) if loud else None
            with closing(prefetch(frames, PREFETCH_DEPTH)) as ready:
                writer.write_all(ready, sound, clip.timebase)

    if max_bytes is None:
        attempt(None)
    else:
        retry_smaller(max_bytes, attempt)
    return OutputInfo(*canvas, float(seconds))


def _choose_canvas(output_format: OutputFormat, canvas: Size) -> Size:
    """The size that *output_format* asks for."""
    match output_format:
        case OutputFormat.NOTE:
            return NOTE_SIDE, NOTE_SIDE
        case OutputFormat.GIF:
            return fit_within_side(canvas, GIF_SIDE)
        case _:
            return canvas


def _open_result(
    output_format: OutputFormat, result: Path, spec: StreamSpec, max_bytes: int | None
) -> AbstractContextManager[FileWriter[Picture]]:
    """Open the file that *output_format* is written to."""
    match output_format:
        case OutputFormat.GIF:
            return open_gif(result, replace(spec, rate=min(spec.rate, Fraction(GIF_RATE))))
        case OutputFormat.NOTE:
            return open_note(result, spec)
        case _:
            return open_mp4(result, spec, max_bytes)


def compose(
    pairs: OptionalMattePairs,
    renderer: OverlayRenderer,
    sample_background: BackgroundSampler,
    corner: tuple[int, int],
    timebase: Fraction,
) -> Iterator[Timed[Picture]]:
    """Each frame's overlay on its background."""
    for frame, matte in pairs:
        seconds = frame.time * timebase
        overlay = renderer.render(frame.value, matte, seconds)
        yield Timed(frame.time, paste(overlay, *corner, sample_background(seconds, frame.value)))
