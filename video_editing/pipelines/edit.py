"""Edit a clip: the person on a background, as a finished video."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

from video_editing.compositing.background import Background
from video_editing.compositing.composition import Composition, compose
from video_editing.compositing.layout import Size, compute_top_left, fit_within_side
from video_editing.concurrency import prefetch
from video_editing.contract.atomic_file import atomic_write
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.formats import OutputFormat, OutputInfo
from video_editing.contract.progress import Report, ignore
from video_editing.frames import Picture, Timed
from video_editing.matting.matte_stream import PREFETCH_DEPTH
from video_editing.pipelines.preview import StillFile, list_stills, with_stills
from video_editing.writing.encoder import FileWriter
from video_editing.writing.encoder_trial import TRIAL_FRAMES
from video_editing.writing.gif import open_gif
from video_editing.writing.mp4 import choose_mp4_codec, open_mp4, open_note
from video_editing.writing.size_budget import compute_fitting_size, retry_smaller
from video_editing.writing.tracks import StreamSpec


class Encoder(StrEnum):
    """What encodes a video."""

    CPU = "cpu"  #: x264
    AUTO = "auto"  #: a GPU's encoder, where it is faster and not worse


@dataclass(frozen=True, slots=True)
class ResultOptions:
    """What the result of an edit is.

    Attributes:
        output_format: what it is made for.
        max_bytes: largest size of the file, to which the quality and, if needed, the canvas are
            reduced; None is no limit. Only for a video or an animation.
        thumbnail: path of a small JPEG of the result's middle; None writes none.
        cover: path of a larger JPEG of the same frame, at most 1280 pixels wide or high; likewise.
        encoder: of a video or an animation.
    """

    output_format: OutputFormat = OutputFormat.VIDEO
    max_bytes: int | None = None
    thumbnail: Path | None = None
    cover: Path | None = None
    encoder: Encoder = Encoder.CPU


_MAX_FILL_RATE = 30  #: frames a second where the clip's own are far apart

DEFAULT_RESULT = ResultOptions()


def edit(
    composition: Composition,
    result: Path,
    background: Background,
    canvas: Size,
    options: ResultOptions = DEFAULT_RESULT,
    report: Report = ignore,
) -> OutputInfo:
    """Put the person of a clip on *background* and write *result*.

    The frames of the clip, their times and its voice are kept. Where they are far apart, others are
    added over a background that moves.

    Args:
        composition: the clip, and how its person is cut out and placed.
        result: path of the file; it appears when it is complete.
        background: from `open_background`.
        canvas: width and height of the result, both even; a video note is always square.
        options: what the result is.
        report: receives the number of frames read.

    Returns:
        The size and length of the result.

    Raises:
        InputRejected: the clip, the background or the mattes cannot be used; or DOES_NOT_FIT.
        ModelUnavailable: the engine cannot run on this machine.
        OutputFailed: the result cannot be written.
    """
    attempt = _EditAttempt(composition, background, canvas, options)
    if options.max_bytes is None:
        attempt.write(result, None, report)
    else:
        retry_smaller(options.max_bytes, lambda limit: attempt.write(result, limit, report))
    return OutputInfo(*attempt.canvas, float(attempt.composition.seconds))


class _EditAttempt:
    """An edit that can be repeated until its file is small enough."""

    def __init__(
        self, composition: Composition, background: Background, canvas: Size, options: ResultOptions
    ) -> None:
        spec = options.output_format.spec
        self.composition = composition.limit(spec.max_seconds)
        self._background = background
        self._options = options
        self._background_audio = background.clip if spec.has_sound else None
        self._has_sound = spec.has_sound and composition.has_sound(self._background_audio)
        self.canvas = self._choose_canvas(canvas)
        if background.rate:
            max_rate = Fraction(spec.max_rate or _MAX_FILL_RATE)
            self.composition = self.composition.fill_pauses(min(background.rate, max_rate))
        self._layout = self.composition.compute_layout(self.canvas)

    def _choose_canvas(self, canvas: Size) -> Size:
        """Return the size of the result: *canvas*, as far as the format and *max_bytes* allow."""
        output_format, max_bytes = self._options.output_format, self._options.max_bytes
        side = output_format.spec.side
        if max_bytes is None:
            if output_format is OutputFormat.NOTE:
                return side, side
            return fit_within_side(canvas, side) if side else canvas
        if side:
            why = "only a video or an animation can be kept to a size"
            raise InputRejected(RejectReason.BAD_OPTION, option="max-mb", why=why)
        rate, seconds = self.composition.clip.rate, self.composition.seconds
        return compute_fitting_size(canvas, rate, seconds, max_bytes, has_sound=self._has_sound)

    def write(self, result: Path, max_bytes: int | None, report: Report) -> None:
        """Write *result*.

        Raises:
            FileTooLarge: it came out larger than *max_bytes*.
        """
        seconds, timebase = self.composition.seconds, self.composition.timebase
        corner = compute_top_left(self._layout, self.composition.style, self.canvas)
        max_rate = self._options.output_format.spec.max_rate
        with (
            self.composition.open_frames(self._layout, "edit", report, max_rate=max_rate) as frames,
            self._background.open_sampler(self.canvas) as sample_background,
            ExitStack() as opened,
        ):
            pictures = compose(frames, sample_background, corner, timebase)
            if stills := list_stills(self._options.thumbnail, self._options.cover):
                stills = [_open_still(still, opened) for still in stills]
                pictures = with_stills(pictures, stills, int(seconds / timebase / 2))
            sound = None
            if self._has_sound:
                sound = self.composition.mix_sound(self._background_audio)
            with closing(prefetch(pictures, PREFETCH_DEPTH)) as ready:
                first = list(islice(ready, TRIAL_FRAMES)) if self._has_choice else []
                with self._open_file(result, max_bytes, first) as writer:
                    writer.write_all(chain(first, ready), sound, timebase)

    @property
    def _has_choice(self) -> bool:
        """Whether a trial chooses the encoder."""
        is_free = self._options.output_format in (OutputFormat.VIDEO, OutputFormat.ANIMATION)
        return is_free and self._options.encoder is Encoder.AUTO

    def _open_file(
        self, result: Path, max_bytes: int | None, first: Sequence[Timed[Picture]]
    ) -> AbstractContextManager[FileWriter[Picture]]:
        """Open *result*; its encoder is chosen by the *first* pictures, if there are any."""
        clip, output_format = self.composition.clip, self._options.output_format
        max_rate = output_format.spec.max_rate
        spec = StreamSpec(
            size=self.canvas,
            timebase=self.composition.timebase,
            rate=min(clip.rate, Fraction(max_rate)) if max_rate else clip.rate,
            seconds=self.composition.seconds,
            has_sound=self._has_sound,
        )
        match output_format:
            case OutputFormat.GIF:
                return open_gif(result, spec)
            case OutputFormat.NOTE:
                return open_note(result, spec)
            case _:
                codec = choose_mp4_codec(first, spec, max_bytes) if first else None
                return open_mp4(result, spec, max_bytes, codec)


def _open_still(still: StillFile, opened: ExitStack) -> StillFile:
    """Return *still* at a path that gets its name when *opened* ends, with the result."""
    return replace(still, path=opened.enter_context(atomic_write(still.path)))
