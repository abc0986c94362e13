"""One picture of what the edit would make, in about a second."""

from pathlib import Path

from video_editing.compositing.alpha_source import by_refining
from video_editing.compositing.background import Background
from video_editing.compositing.face_position import look, middle
from video_editing.compositing.layout import Size, laid_out, placed
from video_editing.compositing.overlay import OverlayMaker
from video_editing.contract.errors import InputRejected, Reason
from video_editing.contract.style import Style
from video_editing.frames import Matte, Picture, Timed
from video_editing.matting.engines import MEDIAPIPE, Choice, engine
from video_editing.matting.matte_stream import empty
from video_editing.pipelines.edit import composed
from video_editing.pipelines.thumbnail import jpeg
from video_editing.pixels import rgb
from video_editing.reading.probe import Clip


def preview(
    clip: Clip,
    result: Path,
    background: Background,
    canvas: Size,
    *,
    style: Style,
    choice: Choice = MEDIAPIPE,
) -> None:
    """Write a JPEG of one composed frame: the one in which the face is seen best.

    The frame is a key frame, which decodes at once, and its matte is made from it alone.

    Args:
        clip: from `clip.probe`.
        result: appears when it is whole.
        background: from `background.background`.
        canvas: width and height of the picture, both even.
        style: the overlay's looks; the fade is left out.
        choice: the engine.

    Raises:
        InputRejected: the clip or the background cannot be used.
        ModelUnavailable: the engine cannot work here.
        OutputFailed: the picture cannot be written.
    """
    style = style.model_copy(update={"fade": 0})
    seen = look(clip)
    layout = laid_out(clip.size, style, middle(seen, style), canvas)
    pair = seen.best, None if style.keep_background else _matte(clip, seen.best, choice)
    maker = OverlayMaker(layout, style, by_refining, clip.duration)
    with background.behind(canvas) as behind:
        pairs = iter([pair])
        corner = placed(layout, style, canvas)
        for frame in composed(pairs, maker, behind, corner, clip.timebase):
            jpeg(rgb(frame.what, canvas), result)


def _matte(clip: Clip, frame: Timed[Picture], choice: Choice) -> Matte:
    for _, matte in engine(choice, clip).mattes([frame]):
        if not empty(matte):
            return matte
    raise InputRejected(Reason.NO_PERSON)
