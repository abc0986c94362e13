"""Mattes as the result: one video of final mattes, or the check of stored segments."""

from dataclasses import replace
from pathlib import Path

from video_editing.compositing.composition import Composition
from video_editing.compositing.overlay import OverlayRenderer, choose_alpha_function
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.excerpt import find_span
from video_editing.contract.plan import Plan, Segment
from video_editing.contract.progress import Report, ignore, with_progress
from video_editing.contract.style import Shape
from video_editing.frames import Timed
from video_editing.matting.engines import create_engine, resolve_auto
from video_editing.matting.matte_stream import is_empty, open_computed_mattes
from video_editing.matting.segments import read_segment
from video_editing.writing.matte_video import open_matte_video
from video_editing.writing.tracks import StreamSpec


def write_final_matte(composition: Composition, result: Path, report: Report = ignore) -> None:
    """Write the matte as the compositor applies it: grey, upright, of the clip's size and times.

    Args:
        composition: the clip and its engine; of its style threshold and feather are applied.
        result: path of a Matroska file of lossless grey pictures; it appears when it is complete.
        report: receives the number of frames done.

    Raises:
        ModelUnavailable: the engine cannot run on this machine.
        OutputFailed: the result cannot be written.
    """
    clip = composition.clip
    spec = StreamSpec(size=clip.size, timebase=clip.timebase, rate=clip.rate, seconds=clip.duration)
    full_frame_style = {"shape": Shape.NONE, "centre": None, "shadow": 0}
    full_frame = replace(composition, style=composition.style.model_copy(update=full_frame_style))
    options = resolve_auto(composition.engine_options, clip)
    compute_alpha = choose_alpha_function(options.engine)
    renderer = OverlayRenderer(
        full_frame.compute_layout(), full_frame.style, compute_alpha, clip.duration
    )
    with (
        open_computed_mattes(clip, create_engine(options, clip), find_span(clip)) as pairs,
        open_matte_video(result, spec) as writer,
    ):
        for frame, matte in with_progress(pairs, "matte", len(clip.times), report):
            alpha = renderer.compute_person_alpha(matte, frame.value, frame.value.y)
            writer.write_picture(Timed(frame.time, alpha))


def check_segments(plan: Plan, folder: Path) -> None:
    """Read the segments of *plan* in *folder* to the end.

    Raises:
        InputRejected: BAD_MATTE, a segment is missing or damaged; "segment" is its index.
            NO_PERSON, no segment shows a person.
    """
    is_person_seen = False
    for segment in plan.segments:
        try:
            is_person_seen |= _check_segment(plan, segment, folder)
        except InputRejected as err:
            raise InputRejected(err.reason, **err.details, segment=segment.index) from err
    if not is_person_seen:
        raise InputRejected(RejectReason.NO_PERSON)


def _check_segment(plan: Plan, segment: Segment, folder: Path) -> bool:
    """Return whether the mattes of *segment* show a person."""
    is_person_seen, is_all_person, shapes = False, True, set()
    for matte in read_segment(plan, segment, folder):
        shapes.add(matte.value.shape)
        is_person_seen |= not is_empty(matte.value)
        is_all_person &= bool(matte.value.min() == 255)
        if not _is_scaled_down(matte.value.shape, plan.size) or len(shapes) > 1:
            raise InputRejected(RejectReason.BAD_MATTE, why="of another size")
    if is_all_person:
        raise InputRejected(RejectReason.BAD_MATTE, why="the whole frame is person")
    return is_person_seen


def _is_scaled_down(shape: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Return whether a matte of *shape* is a frame of *size* scaled down, to whole pixels."""
    height, width = shape
    fits = width <= size[0] and height <= size[1]
    return fits and abs(height * size[0] - width * size[1]) <= size[0] + size[1]
