"""Still pictures: the preview of an edit, and the thumbnail and the cover of its result."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from video_editing.compositing.background import Background
from video_editing.compositing.composition import Composition, compose
from video_editing.compositing.face_position import FacePosition, find_face
from video_editing.compositing.layout import Size, compute_top_left, fit_within_side
from video_editing.compositing.overlay import AlphaFunction, choose_alpha_function
from video_editing.contract.atomic_file import atomic_write, translate_output_errors
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.frames import Matte, Picture, Timed
from video_editing.matting.engines import create_engine, resolve_auto
from video_editing.matting.matte_stream import is_empty
from video_editing.pipelines.layers import write_layers
from video_editing.pixels import convert_to_rgb
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip

JPEG_QUALITY = 90
THUMBNAIL_SIDE = 320  #: pixels of the longer side; Telegram accepts no more
COVER_SIDE = 1280  #: pixels of the longer side
MAX_ASPECT = 20  #: of a photo's sides; Telegram refuses longer ones


def write_preview(
    composition: Composition,
    result: Path,
    background: Background,
    canvas: Size,
    layers: Path | None = None,
) -> tuple[float, float]:
    """Write a JPEG of one composed frame: the key frame with the largest face.

    A key frame decodes at once; its matte is computed from it alone. A picture longer than
    20:1 gets black bars: Telegram refuses longer photos.

    Args:
        composition: the clip and how its person is cut out and placed; the fade is left out, and
            stored mattes are not used.
        result: path of the picture; it appears when it is complete.
        background: from `open_background`.
        canvas: width and height of the picture, both even.
        layers: folder in which person and background are written apart; None for none.

    Returns:
        The centre of the shape, as fractions of the clip's width and height.

    Raises:
        InputRejected: the clip or the background cannot be used; NO_PERSON, the matte of the
            frame is empty.
        ModelUnavailable: the engine cannot run on this machine.
        OutputFailed: the picture cannot be written.
    """
    face = find_face(composition.clip, composition.span)
    options = resolve_auto(composition.engine_options, composition.clip)
    composition = replace(composition, engine_options=options)
    matte = None
    if layers is not None or not composition.style.keep_background:
        matte = _find_matte(composition, face.best_frame)
    still = Still(face, matte, choose_alpha_function(options.engine))
    if layers is not None:
        write_layers(composition, face, matte, still.compute_alpha, background, layers)
    write_jpeg(add_bars(draw_still(composition, still, background, canvas)), result)
    return composition.compute_layout(canvas, face).locate_centre(composition.clip.size)


class Still(NamedTuple):
    """The frame of a clip that a still picture shows.

    Attributes:
        face: of the clip, with that frame.
        matte: of that frame; None for styles that keep the clip's own background.
        compute_alpha: turns it into alpha.
    """

    face: FacePosition
    matte: Matte | None
    compute_alpha: AlphaFunction


def draw_still(
    composition: Composition, still: Still, background: Background, canvas: Size
) -> NDArray[np.float32]:
    """Return *still* as *composition* shows it, (H, W, 3), R'G'B' 0–1; the fade is left out.

    Raises:
        InputRejected: the background cannot be used.
    """
    style = composition.style.model_copy(update={"fade": 0})
    composition = replace(composition, style=style)
    layout, frame = composition.compute_layout(canvas, still.face), still.face.best_frame
    shown = Timed(max(0, frame.time - composition.span.start), frame.value)
    matte = None if style.keep_background else still.matte
    frames = composition.render(iter([(shown, matte)]), layout, still.compute_alpha)
    corner = compute_top_left(layout, style, canvas)
    with background.open_sampler(canvas) as sample_background:
        (picture,) = compose(frames, sample_background, corner, composition.clip.timebase)
    return convert_to_rgb(picture.value, canvas)


def add_bars(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return *picture*, (H, W, 3), in the middle of one with sides within `MAX_ASPECT`."""
    height, width = picture.shape[:2]
    shortest = ceil(max(height, width) / MAX_ASPECT)
    missing = [max(0, shortest - side) for side in (height, width)]
    bars = [(pixels // 2, pixels - pixels // 2) for pixels in missing]
    return np.pad(picture, [*bars, (0, 0)])


def _find_matte(composition: Composition, frame: Timed[Picture]) -> Matte | None:
    """Return the matte of *frame*; None without a person where the style needs none."""
    try:
        return compute_still_matte(composition, frame)
    except InputRejected as rejected:
        if composition.style.keep_background and rejected.reason is RejectReason.NO_PERSON:
            return None
        raise


def compute_still_matte(composition: Composition, frame: Timed[Picture]) -> Matte:
    """Return the matte of *frame*, computed from it alone by an engine other than auto.

    Raises:
        InputRejected: NO_PERSON, the matte is empty.
        ModelUnavailable: the engine cannot run on this machine.
    """
    engine = create_engine(composition.engine_options, composition.clip)
    for _, matte in engine.compute_mattes([frame]):
        if composition.observer is not None:
            composition.observer.observe(frame, matte)
        if not is_empty(matte):
            return matte
    raise InputRejected(RejectReason.NO_PERSON)


@dataclass(frozen=True, slots=True)
class StillFile:
    """A JPEG of one frame.

    Attributes:
        path: where it is written.
        side: most pixels of its longer side; a smaller frame keeps its size.
    """

    path: Path
    side: int


def list_stills(thumbnail: Path | None, cover: Path | None) -> list[StillFile]:
    """Return the pictures of a frame whose paths are given."""
    sides = ((thumbnail, THUMBNAIL_SIDE), (cover, COVER_SIDE))
    return [StillFile(path, side) for path, side in sides if path is not None]


def with_stills(
    frames: Iterator[Timed[Picture]], stills: Sequence[StillFile], time: int
) -> Iterator[Timed[Picture]]:
    """Yield *frames*, and write the first one at or after *time*, or the last, as each of *stills*.

    Args:
        frames: with their times in ticks; at least one.
        stills: the pictures to write.
        time: in the same ticks.

    Raises:
        OutputFailed: the picture cannot be written.
    """
    is_written = False
    for frame in frames:
        if not is_written and frame.time >= time:
            is_written = True
            _write_stills(frame.value, stills)
        yield frame
    if not is_written:
        _write_stills(frame.value, stills)


def write_stills(clip: Clip, stills: Sequence[StillFile], seconds: float | None = None) -> None:
    """Write the same pictures of an existing file.

    Args:
        clip: from `probe`.
        stills: the pictures to write.
        seconds: when the frame is shown; None is the middle.

    Raises:
        InputRejected: the clip cannot be read to that frame.
        OutputFailed: the picture cannot be written.
    """
    shown = len(clip.times) // 2
    if seconds is not None:
        shown = max(0, bisect_right(clip.times, round(seconds / clip.timebase)) - 1)
    time = clip.times[shown]
    for frame in read_frames(clip, time, time + 1):
        _write_stills(frame.value, stills)


def _write_stills(picture: Picture, stills: Sequence[StillFile]) -> None:
    for still in stills:
        size = fit_within_side(picture.size, still.side)
        write_jpeg(convert_to_rgb(picture, size), still.path)


def write_jpeg(picture: NDArray[np.float32], path: Path) -> None:
    """Write *picture*, (H, W, 3), R'G'B' 0–1, as a JPEG that appears when it is complete.

    Raises:
        OutputFailed: it cannot be written.
    """
    content = BytesIO()  # Pillow does not notice when a full disk takes half of what it writes
    image = Image.fromarray(np.rint(picture * 255).astype(np.uint8))
    image.save(content, "JPEG", quality=JPEG_QUALITY)
    with atomic_write(path) as part, translate_output_errors():
        part.write_bytes(content.getbuffer())
