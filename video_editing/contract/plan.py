"""The plan of a clip's mattes: segments that are computed independently of each other."""

from bisect import bisect_left
from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from video_editing.contract.atomic_file import atomic_folder, translate_output_errors
from video_editing.contract.engines import AUTO_ENGINE, BEST_ENGINE
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.excerpt import Span, Timeline

PLAN_FILE = "plan.json"
SEGMENT_SECONDS = 5  #: of the clip; at most this much is lost when a backend fails


class Segment(BaseModel):
    """A part of a clip.

    Attributes:
        index: its number among all segments of the clip, from 0. It identifies the segment; it is
            not the position in `Plan.segments`, which may hold a part of them.
        start, end: times in ticks of the clip's timebase; *end* is excluded.
        frames: number of the clip's frames in it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: int = Field(ge=0)
    start: int = Field(ge=0)
    end: int
    frames: int = Field(ge=1)

    @property
    def file_name(self) -> str:
        """Name of the file with its mattes."""
        return f"{self.index:05}.mp4"


class Plan(BaseModel):
    """The mattes that a clip needs, and the engine that computes them.

    Attributes:
        size: width and height of the upright clip.
        timebase: numerator and denominator of a tick in seconds.
        engine: a key of the table `ENGINES`.
        model: one of rembg's networks; unused by other engines.
        every: frames from one key frame of rembg's network to the next; 0 lets the engine choose.
        segments: in order. A full plan holds every frame of the clip once; a partial one holds
            some of those segments.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: tuple[int, int]
    timebase: tuple[int, int]
    engine: str
    model: str
    every: int
    segments: tuple[Segment, ...]

    @property
    def frames(self) -> int:
        """Number of frames in the segments."""
        return sum(segment.frames for segment in self.segments)

    def prefer_best_engine(self) -> "Plan":
        """Return the plan with the best engine in place of ``auto``."""
        if self.engine != AUTO_ENGINE:
            return self
        return self.model_copy(update={"engine": BEST_ENGINE})

    def select(self, indices: Iterable[int]) -> "Plan":
        """Return the plan of the segments with these indices, in the plan's order.

        Raises:
            KeyError: the plan has no segment with one of them.
        """
        wanted = set(indices)
        if missing := wanted - {segment.index for segment in self.segments}:
            raise KeyError(min(missing))
        segments = tuple(segment for segment in self.segments if segment.index in wanted)
        return self.model_copy(update={"segments": segments})

    def select_span(self, span: Span) -> "Plan":
        """Return the plan of the segments that hold frames of *span*, in the plan's order."""
        return self.select(
            segment.index
            for segment in self.segments
            if segment.start < span.end and segment.end > span.start
        )


def make_plan(
    clip: Timeline,
    engine: str = "mediapipe",
    *,
    model: str = "u2net_human_seg",
    every: int = 0,
    segment_seconds: Fraction | float = SEGMENT_SECONDS,
) -> Plan:
    """Plan the mattes of *clip*; `split_into_segments` cuts it."""
    return Plan(
        size=clip.size,
        timebase=clip.timebase.as_integer_ratio(),
        engine=engine,
        model=model,
        every=every,
        segments=split_into_segments(clip, segment_seconds),
    )


def split_into_segments(
    clip: Timeline, segment_seconds: Fraction | float = SEGMENT_SECONDS
) -> tuple[Segment, ...]:
    """Cut the clip into segments of about *segment_seconds* each, which begin with a frame."""
    ticks = Fraction(segment_seconds) / clip.timebase
    first, end = clip.times[0], clip.times[-1] + 1
    count = max(1, round((end - first) / ticks))
    borders = (first + Fraction(i * (end - first), count) for i in range(count))
    starts = sorted({clip.times[bisect_left(clip.times, border)] for border in borders})
    return tuple(
        Segment(index=index, start=start, end=stop, frames=_count_frames(clip, start, stop))
        for index, (start, stop) in enumerate(pairwise([*starts, end]))
    )


def _count_frames(clip: Timeline, start: int, end: int) -> int:
    """Return how many frames of the clip lie in start <= time < end."""
    return bisect_left(clip.times, end) - bisect_left(clip.times, start)


def write_plan(plan: Plan, folder: Path) -> None:
    """Write *plan* into *folder*, which is created if it does not exist.

    It replaces the plan of another engine or of another part of the clip; segments that are
    already in the folder are kept.

    Raises:
        InputRejected: BAD_MATTE, the folder holds the mattes of another clip.
        OutputFailed: the folder cannot be created or written to.
    """
    if (folder / PLAN_FILE).exists():
        old = read_plan(folder)
        known = {segment.index: segment for segment in old.segments}
        is_same = all(known.get(each.index, each) == each for each in plan.segments)
        if (old.size, old.timebase) != (plan.size, plan.timebase) or not is_same:
            raise InputRejected(
                RejectReason.BAD_MATTE, why="the folder holds mattes of another clip"
            )
    with atomic_folder(folder) as part, translate_output_errors():
        (part / PLAN_FILE).write_text(plan.model_dump_json())


def read_plan(folder: Path) -> Plan:
    """Read the plan in *folder*.

    Raises:
        InputRejected: BAD_MATTE, the folder has no plan, or its content is not valid.
    """
    try:
        return Plan.model_validate_json((folder / PLAN_FILE).read_bytes())
    except (OSError, ValueError) as err:
        raise InputRejected(RejectReason.BAD_MATTE, why="no plan") from err


def read_plan_of(clip: Timeline, folder: Path) -> Plan:
    """Read the plan in *folder*, a full or partial one of *clip*.

    Raises:
        InputRejected: BAD_MATTE, the folder has no plan, or that of another clip.
    """
    plan = read_plan(folder)
    if (plan.size, plan.timebase) != (clip.size, clip.timebase.as_integer_ratio()) or any(
        s.frames != _count_frames(clip, s.start, s.end) for s in plan.segments
    ):
        raise InputRejected(RejectReason.BAD_MATTE, why="the folder holds mattes of another clip")
    return plan


def find_missing_segments(plan: Plan, folder: Path) -> list[Segment]:
    """Return the segments that *folder* lacks, in order."""
    return [s for s in plan.segments if not (folder / s.file_name).exists()]
