"""Mattes for their own sake: one final video of them, or the segments that backends exchange."""

from collections.abc import Iterable
from pathlib import Path

from video_editing.concurrency import cpus
from video_editing.contract.errors import InputRejected, Reason
from video_editing.contract.plan import Plan, Segment
from video_editing.contract.progress import Report, counted, unreported
from video_editing.contract.style import Style
from video_editing.frames import Box, Timed
from video_editing.matting.alpha_refinement import feathered, levelled, refined
from video_editing.matting.engines import MEDIAPIPE, Choice, engine
from video_editing.matting.matte_stream import empty, made
from video_editing.matting.segments import read_segment
from video_editing.reading.probe import Clip
from video_editing.writing.matte_video import matte_file


def final_matte(
    clip: Clip,
    result: Path,
    *,
    style: Style,
    choice: Choice = MEDIAPIPE,
    report: Report = unreported,
) -> None:
    """Write the matte as the compositor applies it: grey, upright, of the clip's size and times.

    Args:
        clip: from `clip.probe`.
        result: a Matroska file of lossless grey pictures; appears when it is whole.
        style: its threshold and feather are applied, its shape is not.
        choice: the engine.
        report: is told how many frames are done.

    Raises:
        ModelUnavailable: the engine cannot work here.
        OutputFailed: the result cannot be written.
    """
    frame = Box(0, 0, *clip.size)
    with (
        made(clip, engine(choice, clip)) as pairs,
        matte_file(
            result,
            clip.size,
            clip.timebase,
            rate=clip.rate,
            seconds=clip.duration,
            threads=min(4, cpus()),
        ) as writer,
    ):
        for picture, small in counted(pairs, "matte", len(clip.times), report):
            alpha = refined(small, picture.what.y, frame, picture.what.y)
            alpha = feathered(levelled(alpha, style.threshold), style.feather)
            writer.picture(Timed(picture.time, alpha))


def check(plan: Plan, folder: Path, only: Iterable[int]) -> None:
    """Read the segments *only* of *plan* in *folder* to the end.

    Raises:
        InputRejected: BAD_MATTE, one is missing or not what it should be; "segment" says which.
            NO_PERSON, they are, but none of them shows anybody.
    """
    people = False
    for segment in (plan.segments[index] for index in only):
        try:
            people |= _looked_at(plan, segment, folder)
        except InputRejected as err:
            raise InputRejected(err.reason, **err.details, segment=segment.index) from err
    if not people:
        raise InputRejected(Reason.NO_PERSON)


def _looked_at(plan: Plan, segment: Segment, folder: Path) -> bool:
    """Whether the mattes of *segment* show anybody."""
    nobody, nothing_else, shapes = True, True, set()
    for matte in read_segment(plan, segment, folder):
        shapes.add(matte.what.shape)
        nobody &= empty(matte.what)
        nothing_else &= bool(matte.what.min() == 255)
        if not _like(matte.what.shape, plan.size) or len(shapes) > 1:
            raise InputRejected(Reason.BAD_MATTE, why="of another size")
    if nothing_else:
        raise InputRejected(Reason.BAD_MATTE, why="the whole frame is person")
    return not nobody


def _like(shape: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Whether a matte of *shape* is a frame of *size* made smaller, rounded to whole pixels."""
    height, width = shape
    fits = width <= size[0] and height <= size[1]
    return fits and abs(height * size[0] - width * size[1]) <= size[0] + size[1]
