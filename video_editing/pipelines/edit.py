"""The main job: a clip in, a finished video out."""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from fractions import Fraction
from pathlib import Path

from video_editing.compositing.alpha_source import Pairs, person, thinned
from video_editing.compositing.audio_mix import has_sound, mixed
from video_editing.compositing.background import Background, Behind
from video_editing.compositing.blend import pasted
from video_editing.compositing.face_position import look, middle
from video_editing.compositing.layout import Size, laid_out, placed, within_side
from video_editing.compositing.overlay import OverlayMaker
from video_editing.concurrency import ahead, cpus
from video_editing.contract.errors import InputRejected, Reason
from video_editing.contract.formats import Extent, Form
from video_editing.contract.progress import Report, counted, unreported
from video_editing.contract.style import Style
from video_editing.frames import Picture, Timed
from video_editing.matting.engines import MEDIAPIPE, Choice
from video_editing.matting.matte_stream import AHEAD
from video_editing.pipelines.thumbnail import photographed
from video_editing.reading.probe import Clip
from video_editing.writing.encoder import Writer
from video_editing.writing.gif import gif_file
from video_editing.writing.mp4 import NOTE_SECONDS, note_file, result_file
from video_editing.writing.size_budget import fitting_size, within

NOTE_SIDE = 640  #: pixels
GIF_SIDE = 480  #: pixels of the longer side
GIF_SECONDS = 15
GIF_RATE = 15

#: Seconds of a form that takes only the beginning of a clip.
LONGEST = {Form.NOTE: NOTE_SECONDS, Form.GIF: GIF_SECONDS}


def edit(
    clip: Clip,
    result: Path,
    background: Background,
    canvas: Size,
    *,
    style: Style,
    choice: Choice = MEDIAPIPE,
    mattes: Path | None = None,
    form: Form = Form.VIDEO,
    max_bytes: int | None = None,
    thumbnail: Path | None = None,
    report: Report = unreported,
) -> Extent:
    """Put the person of *clip* on *background* and write *result*.

    The clip's frames, their times and its voice are kept.

    Args:
        clip: from `clip.probe`.
        result: appears when it is whole.
        background: from `background.background`.
        canvas: width and height of the result, both even; a note is square whatever it says.
        style: the overlay's looks.
        choice: the engine.
        mattes: a folder of segments or a final grey video, made before; no engine is needed.
        form: what the result is made for.
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
    seconds = min(clip.duration, Fraction(LONGEST.get(form, clip.duration)))
    film = background.clip if form in {Form.VIDEO, Form.NOTE} else None
    loud = form in {Form.VIDEO, Form.NOTE} and has_sound(clip, film)
    canvas = _canvas(form, canvas)
    if max_bytes is not None:
        if form in {Form.NOTE, Form.GIF}:
            why = "only a video or an animation can be kept to a size"
            raise InputRejected(Reason.BAD_OPTION, option="max-mb", why=why)
        canvas = fitting_size(canvas, clip.rate, seconds, max_bytes, sound=loud)
    seen = look(clip)
    layout = laid_out(clip.size, style, middle(seen, style), canvas)
    corner = placed(layout, style, canvas)
    end = None if seconds == clip.duration else int(seconds / clip.timebase)
    total = len(clip.times) if end is None else bisect_left(clip.times, end)

    def attempt(allowed: int | None) -> None:
        with (
            person(clip, style, choice, mattes, end) as (pairs, alpha),
            background.behind(canvas) as behind,
            _file(form, result, canvas, clip, seconds, sound=loud, max_bytes=allowed) as writer,
        ):
            passed = counted(pairs, "edit", total, report)
            if form is Form.GIF:
                passed = thinned(passed, clip.timebase, GIF_RATE)
            maker = OverlayMaker(layout, style, alpha, seconds)
            frames = composed(passed, maker, behind, corner, clip.timebase)
            if thumbnail is not None:
                frames = photographed(frames, thumbnail, int(seconds / clip.timebase / 2))
            sound = mixed(clip, film, seconds=seconds) if loud else None
            with closing(ahead(frames, AHEAD)) as ready:
                writer.feed(ready, sound, clip.timebase)

    if max_bytes is None:
        attempt(None)
    else:
        within(max_bytes, attempt)
    return Extent(*canvas, float(seconds))


def _canvas(form: Form, canvas: Size) -> Size:
    """The size that *form* asks for."""
    match form:
        case Form.NOTE:
            return NOTE_SIDE, NOTE_SIDE
        case Form.GIF:
            return within_side(canvas, GIF_SIDE)
        case _:
            return canvas


def _file(
    form: Form,
    result: Path,
    canvas: Size,
    clip: Clip,
    seconds: Fraction,
    *,
    sound: bool,
    max_bytes: int | None,
) -> AbstractContextManager[Writer[Picture]]:
    """Open the file that *form* is written to."""
    threads = min(4, cpus())
    match form:
        case Form.GIF:
            rate = min(clip.rate, Fraction(GIF_RATE))
            return gif_file(result, canvas, clip.timebase, rate=rate, seconds=seconds)
        case Form.NOTE:
            return note_file(
                result,
                NOTE_SIDE,
                clip.timebase,
                rate=clip.rate,
                seconds=seconds,
                sound=sound,
                threads=threads,
            )
        case _:
            return result_file(
                result,
                canvas,
                clip.timebase,
                rate=clip.rate,
                seconds=seconds,
                sound=sound,
                threads=threads,
                max_bytes=max_bytes,
            )


def composed(
    pairs: Pairs, maker: OverlayMaker, behind: Behind, corner: tuple[int, int], timebase: Fraction
) -> Iterator[Timed[Picture]]:
    """Each frame's overlay on its background."""
    for frame, matte in pairs:
        seconds = frame.time * timebase
        overlay = maker.made(frame.what, matte, seconds)
        yield Timed(frame.time, pasted(overlay, *corner, behind(seconds, frame.what)))
