"""What is to be made of a clip, in segments that do not depend on each other."""

from bisect import bisect_left
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from video_editing.contract.atomic_file import atomic_write, translate_output_errors
from video_editing.contract.errors import InputRejected, RejectReason

if TYPE_CHECKING:  # whoever only sends plans about does not load the decoder
    from video_editing.reading.probe import Clip

PLAN_FILE = "plan.json"
SEGMENT_SECONDS = 5  #: of the clip; what is lost at most when a place of work dies


class Segment(BaseModel):
    """A stretch of a clip.

    Attributes:
        index: its place among the segments, from 0.
        start, end: times in ticks of the clip's timebase; *end* is not part of it.
        frames: how many frames of the clip lie in it.
    """

    model_config = ConfigDict(frozen=True)

    index: int = Field(ge=0)
    start: int = Field(ge=0)
    end: int
    frames: int = Field(ge=1)

    @property
    def file_name(self) -> str:
        """The file name of its mattes."""
        return f"{self.index:05}.mp4"


class Plan(BaseModel):
    """Which mattes a clip needs, and who is to make them.

    Attributes:
        size: width and height of the upright clip.
        timebase: numerator and denominator of a tick in seconds.
        engine: a key of the table `ENGINES`.
        model: which of rembg's models; unused by the mediapipe engine.
        every: how many frames lie between two looks of the rembg model, or 0 for "auto".
        segments: in order; together they hold every frame of the clip once.
    """

    model_config = ConfigDict(frozen=True)

    size: tuple[int, int]
    timebase: tuple[int, int]
    engine: str
    model: str
    every: int
    segments: tuple[Segment, ...]

    @property
    def frames(self) -> int:
        """How many frames the clip has."""
        return sum(segment.frames for segment in self.segments)


def make_plan(
    clip: "Clip",
    engine: str = "mediapipe",
    *,
    model: str = "u2net_human_seg",
    every: int = 0,
    segment_seconds: Fraction | float = SEGMENT_SECONDS,
) -> Plan:
    """Cut the clip into segments of about *segment_seconds* each, which begin with a frame."""
    ticks = Fraction(segment_seconds) / clip.timebase
    first, end = clip.times[0], clip.times[-1] + 1
    count = max(1, round((end - first) / ticks))
    borders = (first + Fraction(i * (end - first), count) for i in range(count))
    starts = sorted({clip.times[bisect_left(clip.times, border)] for border in borders})
    segments = (
        Segment(index=index, start=start, end=stop, frames=_count_frames(clip, start, stop))
        for index, (start, stop) in enumerate(pairwise([*starts, end]))
    )
    return Plan(
        size=clip.size,
        timebase=clip.timebase.as_integer_ratio(),
        engine=engine,
        model=model,
        every=every,
        segments=tuple(segments),
    )


def _count_frames(clip: "Clip", start: int, end: int) -> int:
    """How many frames of the clip lie in start <= time < end."""
    return bisect_left(clip.times, end) - bisect_left(clip.times, start)


def write_plan(plan: Plan, folder: Path) -> None:
    """Write *plan* into *folder*, which is made if need be.

    A folder may go on with another engine; its segments stay what they are.

    Raises:
        InputRejected: BAD_MATTE, the folder holds the mattes of another clip.
        OutputFailed: it cannot be made or written to.
    """
    with translate_output_errors():
        folder.mkdir(parents=True, exist_ok=True)
    if (folder / PLAN_FILE).exists():
        kept = read_plan(folder)
        if (kept.size, kept.timebase, kept.segments) != (plan.size, plan.timebase, plan.segments):
            raise InputRejected(
                RejectReason.BAD_MATTE, why="the folder holds mattes of another clip"
            )
    with atomic_write(folder / PLAN_FILE) as path, translate_output_errors():
        path.write_text(plan.model_dump_json())


def read_plan(folder: Path) -> Plan:
    """The plan that *folder* was made for.

    Raises:
        InputRejected: BAD_MATTE, there is none, or it is not one of ours.
    """
    try:
        return Plan.model_validate_json((folder / PLAN_FILE).read_bytes())
    except (OSError, ValueError) as err:
        raise InputRejected(RejectReason.BAD_MATTE, why="no plan") from err


def read_plan_of(clip: "Clip", folder: Path) -> Plan:
    """The plan in *folder*, which is one of *clip* or of some of its segments.

    Raises:
        InputRejected: BAD_MATTE, there is none, or it is one of another clip.
    """
    plan = read_plan(folder)
    if (plan.size, plan.timebase) != (clip.size, clip.timebase.as_integer_ratio()) or any(
        s.frames != _count_frames(clip, s.start, s.end) for s in plan.segments
    ):
        raise InputRejected(RejectReason.BAD_MATTE, why="the folder holds mattes of another clip")
    return plan


def find_missing_segments(plan: Plan, folder: Path) -> list[Segment]:
    """The segments that *folder* lacks, in order."""
    return [s for s in plan.segments if not (folder / s.file_name).exists()]
