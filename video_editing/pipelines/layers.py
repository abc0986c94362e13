"""The layers of a preview, apart, for a page that puts them together itself."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from video_editing.compositing.background import BLUR, Background, open_background
from video_editing.compositing.composition import Composition
from video_editing.compositing.face_position import FacePosition
from video_editing.compositing.layout import compute_layout, fit_within_side
from video_editing.compositing.overlay import AlphaFunction, OverlayRenderer
from video_editing.contract.atomic_file import atomic_folder, translate_output_errors
from video_editing.contract.formats import (
    BACKGROUND_FILE,
    BLUR_FILE,
    LAYERS_FILE,
    PERSON_FILE,
)
from video_editing.contract.style import EDGE_FIELDS, Shape, Style
from video_editing.frames import Matte, Picture
from video_editing.pixels import convert_to_rgb
from video_editing.reading.probe import ClipLimits

PERSON_SIDE = 720  #: pixels of the longer side of the person's layer
BACKGROUND_SIDE = 640  #: the same of the backgrounds
WEBP_QUALITY = 80


def write_layers(
    composition: Composition,
    face: FacePosition,
    matte: Matte,
    compute_alpha: AlphaFunction,
    background: Background,
    folder: Path,
) -> None:
    """Write person, background and blurred clip as WebP, and their geometry as JSON.

    The person is the whole frame of the clip with alpha; its shape, ring and place are left out.

    Args:
        composition: the clip, and how its person is cut out.
        face: of the clip; the layers are of its best frame.
        matte: of that frame.
        compute_alpha: turns it into alpha.
        background: from `open_background`.
        folder: appears, or is replaced, when all is complete.

    Raises:
        InputRejected: the background cannot be used.
        OutputFailed: the folder cannot be written.
    """
    clip, picture = composition.clip, face.best_frame.value
    frame = _choose_whole_frame(composition.style)
    layout = compute_layout(clip.size, frame, (0.5, 0.5), fit_within_side(clip.size, PERSON_SIDE))
    renderer = OverlayRenderer(layout, frame, compute_alpha, composition.seconds)
    person = renderer.render(picture, matte, composition.seconds)
    geometry = {
        "clip": clip.size,
        "background": background.size,
        "face": composition.style.centre or face.centre,
        "seconds": float(clip.duration),
    }
    seconds = face.best_frame.time * clip.timebase
    with atomic_folder(folder) as part, translate_output_errors():
        _write_webp(part / PERSON_FILE, person.picture, person.alpha)
        for name, source, size in (
            (BACKGROUND_FILE, background, background.size or clip.size),
            (BLUR_FILE, open_background(BLUR, ClipLimits()), clip.size),
        ):
            with source.open_sampler(fit_within_side(size, BACKGROUND_SIDE)) as sample:
                _write_webp(part / name, sample(seconds, picture))
        (part / LAYERS_FILE).write_text(json.dumps(geometry))


def _choose_whole_frame(style: Style) -> Style:
    """Return the style that cuts the person out as *style* does, and nothing else."""
    edges = {name: getattr(style, name) for name in EDGE_FIELDS}
    return Style(shape=Shape.NONE, size=1, **edges)


def _write_webp(path: Path, picture: Picture, alpha: Matte | None = None) -> None:
    content = BytesIO()
    pixels = np.rint(convert_to_rgb(picture, picture.size) * 255).astype(np.uint8)
    if alpha is not None:
        pixels = np.dstack([pixels, alpha])
    Image.fromarray(pixels).save(content, "WEBP", quality=WEBP_QUALITY)
    path.write_bytes(content.getbuffer())
