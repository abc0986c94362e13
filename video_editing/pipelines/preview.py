"""One picture of what the edit would make, in about a second."""

from pathlib import Path

from video_editing.compositing.alpha_source import refine_small_matte
from video_editing.compositing.background import Background
from video_editing.compositing.face_position import compute_shape_centre, find_face
from video_editing.compositing.layout import Size, compute_layout, compute_top_left
from video_editing.compositing.overlay import OverlayRenderer
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.style import Style
from video_editing.frames import Matte, Picture, Timed
from video_editing.matting.engines import DEFAULT_ENGINE, EngineOptions, create_engine
from video_editing.matting.matte_stream import is_empty
from video_editing.pipelines.edit import compose
from video_editing.pipelines.thumbnail import write_jpeg
from video_editing.pixels import convert_to_rgb
from video_editing.reading.probe import Clip


def write_preview(
    clip: Clip,
    result: Path,
    background: Background,
    canvas: Size,
    *,
    style: Style,
    engine_options: EngineOptions = DEFAULT_ENGINE,
) -> None:
    """Write a JPEG of one composed frame: the one in which the face is seen best.

    The frame is a key frame, which decodes at once, and its matte is made from it alone.

    Args:
        clip: from `clip.probe`.
        result: appears when it is whole.
        background: from `background.background`.
        canvas: width and height of the picture, both even.
        style: the overlay's looks; the fade is left out.
        engine_options: the engine.

    Raises:
        InputRejected: the clip or the background cannot be used.
        ModelUnavailable: the engine cannot work here.
        OutputFailed: the picture cannot be written.
    """
    style = style.model_copy(update={"fade": 0})
    seen = find_face(clip)
    layout = compute_layout(clip.size, style, compute_shape_centre(seen, style), canvas)
    pair = (
        seen.best_frame,
        None if style.keep_background else _compute_matte(clip, seen.best_frame, engine_options),
    )
    maker = OverlayRenderer(layout, style, refine_small_matte, clip.duration)
    with background.open_sampler(canvas) as behind:
        pairs = iter([pair])
        corner = compute_top_left(layout, style, canvas)
        for frame in compose(pairs, maker, behind, corner, clip.timebase):
            write_jpeg(convert_to_rgb(frame.value, canvas), result)


def _compute_matte(clip: Clip, frame: Timed[Picture], engine_options: EngineOptions) -> Matte:
    for _, matte in create_engine(engine_options, clip).compute_mattes([frame]):
        if not is_empty(matte):
            return matte
    raise InputRejected(RejectReason.NO_PERSON)
