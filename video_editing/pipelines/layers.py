"""The layers of a preview, apart, for a page that puts them together itself."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from video_editing.compositing.background import Background
from video_editing.compositing.composition import Composition
from video_editing.compositing.face_position import FacePosition
from video_editing.compositing.layout import compute_layout, fit_within_side
from video_editing.compositing.overlay import AlphaFunction, OverlayRenderer
from video_editing.contract.atomic_file import atomic_folder, translate_output_errors
from video_editing.contract.formats import (
    BACKGROUND_FILE,
    FRAME_FILE,
    LAYERS_FILE,
    PERSON_FILE,
)
from video_editing.contract.style import Shape, Style
from video_editing.frames import Layer, Matte, Picture
from video_editing.pixels import convert_to_rgb, resize_picture

PERSON_SIDE = 720  #: pixels of the longer side of the person's layer
BACKGROUND_SIDE = 640  #: the same of the background
WEBP_QUALITY = 80


def write_layers(
    composition: Composition,
    face: FacePosition,
    matte: Matte | None,
    compute_alpha: AlphaFunction,
    background: Background,
    folder: Path,
) -> None:
    """Write person, frame and background as WebP, and their geometry as JSON.

    The person is the whole frame of the clip with alpha; its soft edge, shape, ring and place are
    left out.

    Args:
        composition: the clip, and how its person is cut out.
        face: of the clip; the layers are of its best frame.
        matte: of that frame; None without a person, who is transparent then.
        compute_alpha: turns it into alpha.
        background: from `open_background`.
        folder: appears, or is replaced, when all is complete.

    Raises:
        InputRejected: the background cannot be used.
        OutputFailed: the folder cannot be written.
    """
    clip, picture = composition.clip, face.best_frame.value
    small = fit_within_side(clip.size, PERSON_SIDE)
    geometry = {
        "clip": clip.size,
        "background": background.size,
        "face": composition.style.centre or face.centre,
        "seconds": float(clip.duration),
        "has_person": matte is not None,
    }
    seconds = face.best_frame.time * clip.timebase
    with atomic_folder(folder) as part, translate_output_errors():
        person = _cut_out(composition, picture, matte, compute_alpha)
        _write_webp(part / PERSON_FILE, person.picture, person.alpha)
        _write_webp(part / FRAME_FILE, resize_picture(picture, small))
        size = fit_within_side(background.size or clip.size, BACKGROUND_SIDE)
        with background.open_sampler(size) as sample:
            _write_webp(part / BACKGROUND_FILE, sample(seconds, picture))
        (part / LAYERS_FILE).write_text(json.dumps(geometry))


def _cut_out(
    composition: Composition, picture: Picture, matte: Matte | None, compute_alpha: AlphaFunction
) -> Layer:
    """Return the person in all of the frame, of :data:`PERSON_SIDE`, with the edge of the matte."""
    clip, seconds = composition.clip, composition.seconds
    small = fit_within_side(clip.size, PERSON_SIDE)
    style = Style(shape=Shape.NONE, size=1, threshold=composition.style.threshold)
    layout = compute_layout(clip.size, style, (0.5, 0.5), small)
    if matte is None:
        matte = np.zeros(small[::-1], np.uint8)
    return OverlayRenderer(layout, style, compute_alpha, seconds).render(picture, matte, seconds)


def _write_webp(path: Path, picture: Picture, alpha: Matte | None = None) -> None:
    content = BytesIO()
    pixels = np.rint(convert_to_rgb(picture, picture.size) * 255).astype(np.uint8)
    if alpha is not None:
        pixels = np.dstack([pixels, alpha])
    Image.fromarray(pixels).save(content, "WEBP", quality=WEBP_QUALITY)
    path.write_bytes(content.getbuffer())
