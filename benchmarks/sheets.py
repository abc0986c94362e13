"""Contact sheets that compare the cut-outs of the predecessor with ours.

    uv run python -m benchmarks.sheets SHEET.jpg CLIP ... [--carried]

Each row shows the middle frame of a clip, then the person over a plain colour by the recipe of the
predecessor (full frame, one model, threshold 0.6, 7-pixel Gaussian), and by ours. With --carried,
the last picture uses the method of the rembg engine with a keyframe every six frames; the rembg
weights are not in the repository, so the square model of MediaPipe replaces the network.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.quality import create_predecessor_recipe
from video_editing.compositing.background import make_solid_picture
from video_editing.compositing.blend import paste
from video_editing.compositing.despill import despill
from video_editing.compositing.layout import round_to_even
from video_editing.contract.style import parse_colour
from video_editing.frames import Box, Layer, Matte, Picture, Timed
from video_editing.matting.alpha_refinement import refine_alpha
from video_editing.matting.mediapipe_engine import MediapipeEngine
from video_editing.matting.networks.selfie_models import SQUARE_MODEL
from video_editing.matting.networks.tflite import load_tflite
from video_editing.matting.rembg_engine import propagate
from video_editing.pixels import convert_to_rgb
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip, probe

BACKGROUND = parse_colour("#2ec4b6")
CELL = 400, 260  #: pixels, width and height of one picture
TITLE_HEIGHT = 28  #: pixels, height of the line of titles
KEYFRAME_INTERVAL = 6  #: frames between two keyframes with --carried
CONTEXT_FRAMES = 24  #: frames on each side that are enough for every matte


class SquareKeyframeModel:
    """The square model of MediaPipe with the interface of a rembg network."""

    side = 256

    def __init__(self) -> None:
        self._model = load_tflite(SQUARE_MODEL)

    def __call__(self, pictures: NDArray[np.float32]) -> list[Matte]:
        """Return the matte of each of the *pictures*."""
        input_index = self._model.get_input_details()[0]["index"]
        output_index = self._model.get_output_details()[0]["index"]
        mattes = []
        for picture in pictures:
            self._model.set_tensor(input_index, picture[None])
            self._model.invoke()
            mattes.append(
                np.rint(self._model.get_tensor(output_index)[0, :, :, 0] * 255).astype(np.uint8)
            )
        return mattes


def main() -> None:
    """Write one sheet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sheets", description=__doc__)
    parser.add_argument("sheet", type=Path, help="the JPEG to write")
    parser.add_argument("clips", type=Path, nargs="+", metavar="CLIP")
    parser.add_argument("--carried", action="store_true", help="use the method of the rembg engine")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [render_row(probe(path), is_propagated=options.carried) for path in options.clips]
    page = Image.fromarray(np.vstack([render_titles(is_propagated=options.carried), *rows]))
    page.save(options.sheet, quality=82, optimize=True)


def render_row(clip: Clip, *, is_propagated: bool) -> NDArray[np.uint8]:
    """Render the middle frame of *clip* and its person by both recipes."""
    middle = len(clip.times) // 2
    start, end = max(0, middle - CONTEXT_FRAMES), min(len(clip.times) - 1, middle + CONTEXT_FRAMES)
    frames = read_frames(clip, clip.times[start], clip.times[end])
    mattes: Iterable[tuple[Timed[Picture], Matte]] = MediapipeEngine(clip).compute_mattes(frames)
    if is_propagated:
        mattes = propagate(mattes, SquareKeyframeModel(), clip.times, KEYFRAME_INTERVAL)
    frame, small = next(pair for pair in mattes if pair[0].time >= clip.times[middle])
    picture = frame.value
    predecessor_alpha = next(create_predecessor_recipe(SQUARE_MODEL)(clip, [frame]))
    our_alpha = refine_alpha(small, picture.y, Box(0, 0, *picture.size), picture.y)
    shots = (
        picture,
        composite(picture, predecessor_alpha, is_despilled=False),
        composite(picture, our_alpha, is_despilled=True),
    )
    return np.hstack([render_cell(shot) for shot in shots])


def composite(picture: Picture, alpha: Matte, *, is_despilled: bool) -> Picture:
    """Composite the person over a plain colour; *is_despilled* removes colour spill first."""
    width, height = picture.size
    background = make_solid_picture(BACKGROUND, (round_to_even(width), round_to_even(height)))
    person = despill(picture, alpha) if is_despilled else picture
    return paste(Layer(person, alpha), 0, 0, background)


def render_cell(picture: Picture) -> NDArray[np.uint8]:
    """Return *picture* in the middle of a grey cell, (H, W, 3)."""
    width, height = picture.size
    scale = min(CELL[0] / width, CELL[1] / height)
    size = round(width * scale), round(height * scale)
    page = np.full((CELL[1], CELL[0], 3), 32, np.uint8)
    left, top = (CELL[0] - size[0]) // 2, (CELL[1] - size[1]) // 2
    page[top : top + size[1], left : left + size[0]] = np.rint(255 * convert_to_rgb(picture, size))
    return page


def render_titles(*, is_propagated: bool) -> NDArray[np.uint8]:
    """Render the titles of the columns."""
    page = Image.new("RGB", (3 * CELL[0], TITLE_HEIGHT), (32, 32, 32))
    draw = ImageDraw.Draw(page)
    ours = (
        f"keyframe every {KEYFRAME_INTERVAL} frames, propagated" if is_propagated else "overlaybot"
    )
    for column, title in enumerate(("the clip", "predecessor", ours)):
        centre = (column * CELL[0] + CELL[0] // 2, TITLE_HEIGHT // 2)
        draw.text(centre, title, (255, 255, 255), ImageFont.load_default(16), anchor="mm")
    return np.asarray(page)


if __name__ == "__main__":
    main()
