"""Mattes for their own sake: one final video of them, or the segments that backends exchange."""

from collections.abc import Iterable
from pathlib import Path

from video_editing.clip import Clip
from video_editing.cpus import cpus
from video_editing.edges import feathered, levelled, refined
from video_editing.engine import MEDIAPIPE, Choice, engine
from video_editing.errors import InputRejected
from video_editing.frames import Box, Timed
from video_editing.matte_file import matte_file
from video_editing.mattes import made
from video_editing.plan import Plan
from video_editing.progress import Report, counted, unreported
from video_editing.segments import read_segment
from video_editing.style import Style


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
    """
    for segment in (plan.segments[index] for index in only):
        try:
            for _ in read_segment(plan, segment, folder):
                pass
        except InputRejected as err:
            raise InputRejected(err.reason, **err.details, segment=segment.index) from err
