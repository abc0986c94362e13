"""Every frame of a clip with what says where the person is in it."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path

from video_editing.compositing.overlay import Alpha, resampled
from video_editing.concurrency import ahead
from video_editing.contract.errors import InputRejected, Reason
from video_editing.contract.style import Style
from video_editing.frames import Box, Luma, Matte, Picture, Timed
from video_editing.matting.alpha_refinement import refined
from video_editing.matting.engines import Choice, engine
from video_editing.matting.matte_stream import AHEAD, empty, kept, made
from video_editing.reading.decode import pictures
from video_editing.reading.probe import Clip

Pairs = Iterator[tuple[Timed[Picture], Matte | None]]


@contextmanager
def person(
    clip: Clip,
    style: Style,
    choice: Choice,
    mattes: Path | None,
    end: int | None = None,
) -> Iterator[tuple[Pairs, Alpha]]:
    """Open the clip's frames with their mattes, and say how those become alpha.

    Args:
        clip: the clip.
        style: one that keeps the background needs no mattes, and gets None for each.
        choice: the engine that makes mattes when there are none yet.
        mattes: mattes that were made before: a folder of segments, or one final grey video.
        end: the time, in ticks, before which the frames lie; None is the end of the clip.

    Raises:
        InputRejected: NO_PERSON, when all frames have passed and nobody was in any of them.
    """
    if style.keep_background:
        with closing(ahead(pictures(clip, end=end), AHEAD)) as frames:
            yield ((frame, None) for frame in frames), resampled
    elif mattes is None:
        with made(clip, engine(choice, clip), end) as pairs:
            yield _somebody(pairs), by_refining
    else:
        with kept(clip, mattes, end) as pairs:
            yield _somebody(pairs), by_refining if mattes.is_dir() else resampled


def by_refining(matte: Matte, picture: Picture, box: Box, view: Luma) -> Matte:
    """Alpha of the view from a small matte, its edges drawn along those of the picture."""
    return refined(matte, picture.y, box, view)


def _somebody(pairs: Iterable[tuple[Timed[Picture], Matte]]) -> Pairs:
    seen = False
    for frame, matte in pairs:
        seen = seen or not empty(matte)
        yield frame, matte
    if not seen:
        raise InputRejected(Reason.NO_PERSON)


def thinned(pairs: Pairs, timebase: Fraction, rate: int) -> Pairs:
    """*pairs* without those that come sooner than *rate* a second allows."""
    due = Fraction(0)
    for frame, matte in pairs:
        seconds = frame.time * timebase
        if seconds >= due:
            # From the grid, not from the frame: else jitter would lower the rate for good.
            due = max(due + Fraction(1, rate), seconds - Fraction(1, rate))
            yield frame, matte
