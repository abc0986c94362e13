"""Mattes for their own sake: one final video of them, or the segments that backends exchange."""

from collections.abc import Iterable
from pathlib import Path

from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import Plan, Segment
from video_editing.contract.progress import Report, ignore_progress, with_progress
from video_editing.contract.style import Style
from video_editing.frames import Box, Timed
from video_editing.matting.alpha_refinement import apply_threshold, feather, refine_alpha
from video_editing.matting.engines import DEFAULT_ENGINE, EngineOptions, create_engine
from video_editing.matting.matte_stream import is_empty, open_computed_mattes
from video_editing.matting.segments import read_segment
from video_editing.reading.probe import Clip
from video_editing.writing.matte_video import open_matte_video
from video_editing.writing.tracks import StreamSpec


def write_final_matte(
    clip: Clip,
    result: Path,
    *,
    style: Style,
    engine_options: EngineOptions = DEFAULT_ENGINE,
    report: Report = ignore_progress,
) -> None:
    """Write the matte as the compositor applies it: grey, upright, of the clip's size and times.

    Args:
        clip: from `clip.probe`.
        result: a Matroska file of lossless grey pictures; appears when it is whole.
        style: its threshold and feather are applied, its shape is not.
        engine_options: the engine.
        report: is told how many frames are done.

    Raises:
        ModelUnavailable: the engine cannot work here.
        OutputFailed: the result cannot be written.
    """
    frame = Box(0, 0, *clip.size)
    spec = StreamSpec(size=clip.size, timebase=clip.timebase, rate=clip.rate, seconds=clip.duration)
    with (
        open_computed_mattes(clip, create_engine(engine_options, clip)) as pairs,
        open_matte_video(result, spec) as writer,
    ):
        for picture, small in with_progress(pairs, "matte", len(clip.times), report):
            alpha = refine_alpha(small, picture.value.y, frame, picture.value.y)
            alpha = feather(apply_threshold(alpha, style.threshold), style.feather)
            writer.write_picture(Timed(picture.time, alpha))


def check_segments(plan: Plan, folder: Path, indices: Iterable[int]) -> None:
    """Read the segments *indices* of *plan* in *folder* to the end.

    Raises:
        InputRejected: BAD_MATTE, one is missing or not what it should be; "segment" says which.
            NO_PERSON, they are, but none of them shows anybody.
    """
    people = False
    for segment in (plan.segments[index] for index in indices):
        try:
            people |= _check_segment(plan, segment, folder)
        except InputRejected as err:
            raise InputRejected(err.reason, **err.details, segment=segment.index) from err
    if not people:
        raise InputRejected(RejectReason.NO_PERSON)


def _check_segment(plan: Plan, segment: Segment, folder: Path) -> bool:
    """Whether the mattes of *segment* show anybody."""
    nobody, nothing_else, shapes = True, True, set()
    for matte in read_segment(plan, segment, folder):
        shapes.add(matte.value.shape)
        nobody &= is_empty(matte.value)
        nothing_else &= bool(matte.value.min() == 255)
        if not _is_scaled_down(matte.value.shape, plan.size) or len(shapes) > 1:
            raise InputRejected(RejectReason.BAD_MATTE, why="of another size")
    if nothing_else:
        raise InputRejected(RejectReason.BAD_MATTE, why="the whole frame is person")
    return not nobody


def _is_scaled_down(shape: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Whether a matte of *shape* is a frame of *size* made smaller, rounded to whole pixels."""
    height, width = shape
    fits = width <= size[0] and height <= size[1]
    return fits and abs(height * size[0] - width * size[1]) <= size[0] + size[1]
