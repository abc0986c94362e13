"""Every frame of a clip with what says where the person is in it."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path

from video_editing.compositing.overlay import AlphaFunction, resample_final_matte
from video_editing.concurrency import prefetch
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.style import Style
from video_editing.frames import Box, Luma, Matte, Picture, Timed
from video_editing.matting.alpha_refinement import refine_alpha
from video_editing.matting.engines import EngineOptions, create_engine
from video_editing.matting.matte_stream import (
    PREFETCH_DEPTH,
    is_empty,
    open_computed_mattes,
    open_stored_mattes,
)
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip

OptionalMattePairs = Iterator[tuple[Timed[Picture], Matte | None]]


@contextmanager
def open_alpha_source(
    clip: Clip,
    style: Style,
    engine_options: EngineOptions,
    mattes: Path | None,
    end: int | None = None,
) -> Iterator[tuple[OptionalMattePairs, AlphaFunction]]:
    """Open the clip's frames with their mattes, and say how those become alpha.

    Args:
        clip: the clip.
        style: one that keeps the background needs no mattes, and gets None for each.
        engine_options: the engine that makes mattes when there are none yet.
        mattes: mattes that were made before: a folder of segments, or one final grey video.
        end: the time, in ticks, before which the frames lie; None is the end of the clip.

    Raises:
        InputRejected: NO_PERSON, when all frames have passed and nobody was in any of them.
    """
    if style.keep_background:
        with closing(prefetch(read_frames(clip, end=end), PREFETCH_DEPTH)) as frames:
            yield ((frame, None) for frame in frames), resample_final_matte
    elif mattes is None:
        with open_computed_mattes(clip, create_engine(engine_options, clip), end) as pairs:
            yield _require_person(pairs), refine_small_matte
    else:
        with open_stored_mattes(clip, mattes, end) as pairs:
            yield (
                _require_person(pairs),
                refine_small_matte if mattes.is_dir() else resample_final_matte,
            )


def refine_small_matte(matte: Matte, picture: Picture, box: Box, view: Luma) -> Matte:
    """Alpha of the view from a small matte, its edges drawn along those of the picture."""
    return refine_alpha(matte, picture.y, box, view)


def _require_person(pairs: Iterable[tuple[Timed[Picture], Matte]]) -> OptionalMattePairs:
    seen = False
    for frame, matte in pairs:
        seen = seen or not is_empty(matte)
        yield frame, matte
    if not seen:
        raise InputRejected(RejectReason.NO_PERSON)


def drop_frames(pairs: OptionalMattePairs, timebase: Fraction, max_rate: int) -> OptionalMattePairs:
    """*pairs* without those that come sooner than *max_rate* a second allows."""
    due = Fraction(0)
    for frame, matte in pairs:
        seconds = frame.time * timebase
        if seconds >= due:
            # From the grid, not from the frame: else jitter would lower the rate for good.
            due = max(due + Fraction(1, max_rate), seconds - Fraction(1, max_rate))
            yield frame, matte
