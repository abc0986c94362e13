"""From the frames of a clip to its overlays: face position, layout, mattes, alpha, rendering.

The steps stand here once; pipelines differ in their canvas and their writer only.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import NamedTuple

from video_editing.compositing.audio_mix import has_sound, mix_audio
from video_editing.compositing.background import BackgroundSampler
from video_editing.compositing.blend import paste
from video_editing.compositing.face_position import FacePosition, find_shape_centre
from video_editing.compositing.layout import Layout, Size, compute_layout
from video_editing.compositing.matte_report import MatteObserver
from video_editing.compositing.overlay import (
    AlphaFunction,
    OverlayRenderer,
    choose_alpha_function,
    resample_final_matte,
)
from video_editing.concurrency import prefetch
from video_editing.contract.engines import DEFAULT_ENGINE, EngineOptions
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.excerpt import WHOLE_CLIP, Excerpt, Span, find_span
from video_editing.contract.plan import read_plan
from video_editing.contract.progress import Report, with_progress
from video_editing.contract.sound import DEFAULT_SOUND, SoundOptions
from video_editing.contract.style import Style
from video_editing.frames import FrameMatte, Layer, Matte, Picture, Timed
from video_editing.matting.engines import create_engine, resolve_auto
from video_editing.matting.matte_stream import (
    PREFETCH_DEPTH,
    count_frames_before,
    is_empty,
    open_computed_mattes,
    open_stored_mattes,
)
from video_editing.reading.audio import Samples
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip

#: Seconds from which on a frame is shown again, if the background moves behind it; and the longest
#: tick with which such frames are timed.
_MAX_PAUSE, _FINE_TICK = Fraction(1, 10), Fraction(1, 1000)

#: frames, each with its matte; None where the style keeps the clip's own background
OptionalMattes = Iterator[tuple[Timed[Picture], Matte | None]]


class OverlayFrame(NamedTuple):
    """A frame of the clip and its overlay.

    Attributes:
        time: in ticks of the composition's timebase, from the start of the excerpt.
        picture: the clip's frame.
        overlay: the person cut out and shaped, of the layout's size.
    """

    time: int
    picture: Picture
    overlay: Layer


@dataclass(frozen=True, slots=True)
class Composition:
    """A clip, and how its person is cut out, shaped and placed.

    Attributes:
        clip: from `probe`.
        style: the looks of the overlay.
        engine_options: the engine that computes the mattes where none are stored.
        mattes: stored mattes of the clip: a folder of segments, or one video of final mattes.
        excerpt: the part of the clip that is used.
        sound: of the voice and of the background.
        max_seconds: how much of the excerpt's beginning is used; 0 uses all of it.
        observer: collects the report on the mattes; None makes none.
        fill_rate: frames a second where the clip's are further apart than a tenth of a second;
            0 adds none.
    """

    clip: Clip
    style: Style = field(default_factory=Style)
    engine_options: EngineOptions = DEFAULT_ENGINE
    mattes: Path | None = None
    excerpt: Excerpt = WHOLE_CLIP
    sound: SoundOptions = DEFAULT_SOUND
    max_seconds: int = 0
    observer: MatteObserver | None = None
    fill_rate: Fraction = Fraction(0)

    @property
    def timebase(self) -> Fraction:
        """Seconds of one tick of the overlays' times: the clip's, or finer if frames are added."""
        return self.clip.timebase / self._ticks

    @property
    def _ticks(self) -> int:
        """Number of ticks in one of the clip."""
        return max(1, ceil(self.clip.timebase / _FINE_TICK)) if self.fill_rate else 1

    @property
    def span(self) -> Span:
        """What is used of the clip, in its ticks.

        Raises:
            InputRejected: NOTHING_LEFT, the excerpt has no frame.
        """
        return find_span(self.clip, self.excerpt, self.max_seconds)

    @property
    def seconds(self) -> Fraction:
        """Length of what is used of the clip."""
        return self.span.seconds

    @property
    def frame_count(self) -> int:
        """Number of frames used, as the clip announces them."""
        start, end, _ = self.span
        return count_frames_before(self.clip, end) - count_frames_before(self.clip, start)

    def limit(self, max_seconds: int) -> "Composition":
        """Return the composition of the excerpt's first *max_seconds*; 0 uses all of it."""
        return replace(self, max_seconds=max_seconds)

    def has_sound(self, background: Clip | None = None) -> bool:
        """Return whether a result over *background* has sound."""
        return has_sound(self.clip, background, self.sound)

    def mix_sound(
        self, background: Clip | None = None, *, seconds: Fraction | None = None
    ) -> Iterator[Samples]:
        """Yield the sound of a result over *background*, which starts with the excerpt.

        Args:
            background: see `mix_audio`.
            seconds: length of the result; None is that of the excerpt.
        """
        span = self.span
        start, length = span.start * self.clip.timebase, seconds or span.seconds
        return mix_audio(self.clip, background, self.sound, seconds=length, start=start)

    def read_pictures(self) -> Iterator[Timed[Picture]]:
        """Yield the used frames, with their times from the start of the excerpt."""
        start, end, _ = self.span
        for frame in read_frames(self.clip, start, end):
            yield Timed(frame.time - start, frame.value)

    def fill_pauses(self, rate: Fraction) -> "Composition":
        """Return the composition with frames added where the clip's are far apart.

        Args:
            rate: of the added frames, a second.
        """
        start, end, _ = self.span
        times = *(time for time in self.clip.times if start <= time < end), end
        longest = max(after - before for before, after in pairwise(times)) * self.clip.timebase
        return replace(self, fill_rate=rate) if longest > _MAX_PAUSE else self

    def compute_layout(
        self, canvas: Size | None = None, face: FacePosition | None = None
    ) -> Layout:
        """Compute the geometry of the overlay.

        Args:
            canvas: width and height of the result that the overlay's size is a fraction of; None
                leaves the overlay at the clip's own scale.
            face: the clip's face where it is known; else the clip is searched for it, but only
                if the style leaves the shape's centre to it.

        Raises:
            InputRejected: CORRUPT, no key frame decodes.
        """
        centre = find_shape_centre(self.clip, self.style, self.span, face)
        return compute_layout(self.clip.size, self.style, centre, canvas)

    @contextmanager
    def open_frames(
        self, layout: Layout, stage: str, report: Report, *, max_rate: int = 0
    ) -> Iterator[Iterator[OverlayFrame]]:
        """Open the used frames with their overlays.

        The last frame stands until the end of the clip's sound.

        Args:
            layout: from :meth:`compute_layout`.
            stage: name of the work in progress reports.
            report: receives the number of frames read.
            max_rate: largest number of frames a second; 0 keeps all frames.

        Raises:
            InputRejected: the clip or the stored mattes cannot be used; NO_PERSON, after the last
                frame, if no matte shows a person.
            ModelUnavailable: the engine cannot run on this machine.
        """
        with open_mattes(self) as (pairs, compute_alpha):
            frames: OptionalMattes = with_progress(pairs, stage, self.frame_count, report)
            if max_rate:
                frames = drop_frames(frames, self.clip.timebase, max_rate)
            if self.fill_rate:
                frames = self._add_frames(frames)
            yield self.render(frames, layout, compute_alpha)

    def render(
        self, frames: OptionalMattes, layout: Layout, compute_alpha: AlphaFunction
    ) -> Iterator[OverlayFrame]:
        """Render the overlay of each of *frames*."""
        renderer = OverlayRenderer(layout, self.style, compute_alpha, self.seconds)
        for frame, matte in frames:
            overlay = renderer.render(frame.value, matte, frame.time * self.timebase)
            yield OverlayFrame(frame.time, frame.value, overlay)

    def _add_frames(self, frames: OptionalMattes) -> OptionalMattes:
        """Yield *frames*, and the last one again wherever the next one is long in coming."""
        end = int(self.seconds / self.timebase)
        previous: tuple[Timed[Picture], Matte | None] | None = None
        for frame, matte in frames:
            present = Timed(frame.time * self._ticks, frame.value)
            if previous is not None:
                yield from self._repeat(*previous, present.time)
            previous = present, matte
            yield previous
        if previous is not None:
            yield from self._repeat(*previous, end)

    def _repeat(self, frame: Timed[Picture], matte: Matte | None, until: int) -> OptionalMattes:
        """Yield *frame* again, evenly spaced, if the tick *until* is further than a pause away."""
        pause = (until - frame.time) * self.timebase
        count = ceil(pause * self.fill_rate) if pause > _MAX_PAUSE else 0
        for number in range(1, count):
            time = frame.time + round(Fraction((until - frame.time) * number, count))
            yield Timed(time, frame.value), matte


@contextmanager
def open_mattes(composition: Composition) -> Iterator[tuple[OptionalMattes, AlphaFunction]]:
    """Open the used frames with their mattes, and the function that turns those into alpha.

    Times are those from the start of the excerpt. A style that keeps the background needs no
    mattes: each is None.

    Raises:
        InputRejected: NO_PERSON, after the last frame, if no matte shows a person.
        ModelUnavailable: the engine cannot run on this machine.
    """
    clip, mattes, span = composition.clip, composition.mattes, composition.span
    if composition.style.keep_background:
        with closing(prefetch(composition.read_pictures(), PREFETCH_DEPTH)) as frames:
            yield ((frame, None) for frame in frames), resample_final_matte
    elif mattes is None:
        options = resolve_auto(composition.engine_options, clip)
        with open_computed_mattes(clip, create_engine(options, clip), span) as pairs:
            found = _require_person(pairs, composition.observer, options.engine)
            yield _shift(found, span.start), choose_alpha_function(options.engine)
    else:
        engine = read_plan(mattes).engine if mattes.is_dir() else ""
        with open_stored_mattes(clip, mattes, span) as pairs:
            compute_alpha = choose_alpha_function(engine) if engine else resample_final_matte
            found = _require_person(pairs, composition.observer, engine)
            yield _shift(found, span.start), compute_alpha


def _shift(frames: OptionalMattes, start: int) -> OptionalMattes:
    """Yield *frames* with times from the tick *start* on."""
    for frame, matte in frames:
        yield Timed(frame.time - start, frame.value), matte


def _require_person(
    pairs: Iterable[FrameMatte], observer: MatteObserver | None, engine: str = ""
) -> OptionalMattes:
    is_person_seen = False
    if observer is not None:
        observer.start(engine)
    for frame, matte in pairs:
        if observer is not None:
            observer.observe(frame, matte)
        is_person_seen = is_person_seen or not is_empty(matte)
        yield frame, matte
    if not is_person_seen:
        raise InputRejected(RejectReason.NO_PERSON)


def drop_frames(frames: OptionalMattes, timebase: Fraction, max_rate: int) -> OptionalMattes:
    """Yield *frames* without those that exceed *max_rate* frames a second."""
    due = Fraction(0)
    for frame, matte in frames:
        seconds = frame.time * timebase
        if seconds >= due:
            # From the grid, not from the frame: else jitter would lower the rate for good.
            due = max(due + Fraction(1, max_rate), seconds - Fraction(1, max_rate))
            yield frame, matte


def compose(
    frames: Iterable[OverlayFrame],
    sample_background: BackgroundSampler,
    corner: tuple[int, int],
    timebase: Fraction,
) -> Iterator[Timed[Picture]]:
    """Yield each overlay on the background of its moment, its top left at *corner*."""
    for frame in frames:
        background = sample_background(frame.time * timebase, frame.picture)
        yield Timed(frame.time, paste(frame.overlay, *corner, background))
