"""The part of a clip that is used, as users give it and in the clip's own ticks."""

from bisect import bisect_left, bisect_right
from fractions import Fraction
from math import ceil
from typing import Annotated, NamedTuple, Protocol

from pydantic import BeforeValidator, Field

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.style import Metavar, OptionModel

MAX_SECONDS = 86400  #: of a time in a clip


class Timeline(Protocol):
    """What plans and excerpts follow from; :class:`reading.probe.Clip` has it."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright clip."""

    @property
    def timebase(self) -> Fraction:
        """Seconds of one tick."""

    @property
    def times(self) -> tuple[int, ...]:
        """Presentation time of each frame, in ticks; strictly increasing."""

    @property
    def duration(self) -> Fraction:
        """Seconds to the end of the last frame, or to the end of the sound if that is later."""


def parse_time(value: object) -> object:
    """Convert a text like "1:05.5" or "0:01:05" to seconds; other values are returned as they are.

    Raises:
        ValueError: a part of the text is no number, or minutes or seconds are 60 or more.
    """
    if not isinstance(value, str) or ":" not in value:
        return value
    *larger, seconds = value.split(":")
    total = 0.0
    for index, part in enumerate(larger):
        if len(larger) > 2 or not part.isdecimal() or (index and int(part) >= 60):
            raise ValueError(f"{value!r} is not a time")
        total = 60 * (total + int(part))
    if not seconds[:1].isdecimal() or not float(seconds) < 60:
        raise ValueError(f"{value!r} is not a time")
    return total + float(seconds)


Time = Annotated[
    float,
    BeforeValidator(parse_time),
    Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False),
]


class Excerpt(OptionModel):
    """The part of a clip that is used: picture, sound and mattes."""

    start: Annotated[Time, Metavar("TIME")] = Field(
        default=0,
        description="where the used part of the clip begins, in seconds or as M:SS; it begins with "
        "the frame that is shown then",
    )
    end: Annotated[Time | None, Metavar("TIME", default="the clip's end")] = Field(
        default=None, description="where it ends"
    )


WHOLE_CLIP = Excerpt()


class Span(NamedTuple):
    """An excerpt in a clip's ticks.

    Attributes:
        start: its first tick, which belongs to a frame unless the sound begins before the picture.
        end: the tick before which its frames lie.
        seconds: its length; the last frame may be shown for a part of its time only.
    """

    start: int
    end: int
    seconds: Fraction


def find_span(clip: Timeline, excerpt: Excerpt = WHOLE_CLIP, max_seconds: int = 0) -> Span:
    """Return the ticks of *excerpt*, of which at most *max_seconds* are used; 0 is no limit.

    Raises:
        InputRejected: NOTHING_LEFT, with "seconds" of the clip: it contains no frame.
    """
    times, tick = clip.times, clip.timebase
    wanted = Fraction(excerpt.start).limit_denominator(1_000_000) / tick
    shown = bisect_right(times, wanted) - 1
    start = times[shown] if wanted and shown >= 0 else int(wanted)
    stop = clip.duration
    if excerpt.end is not None:
        stop = min(stop, Fraction(excerpt.end).limit_denominator(1_000_000))
    seconds = stop - start * tick
    if max_seconds:
        seconds = min(seconds, Fraction(max_seconds))
    end = ceil(start + seconds / tick)
    if wanted * tick >= clip.duration or bisect_left(times, start) >= bisect_left(times, end):
        raise InputRejected(RejectReason.NOTHING_LEFT, seconds=float(clip.duration))
    return Span(start, end, seconds)
