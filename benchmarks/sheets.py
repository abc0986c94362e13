"""Contact sheets: what a viewer sees of the cut, before and after.

    uv run python -m benchmarks.sheets SHEET.jpg CLIP ... [--carried]

A row for each clip: its middle frame, the person over a flat colour by the predecessor's recipe
(whole frame, one model, a threshold of 0.6, a Gaussian of 7 pixels), and by ours. With --carried
the last is the rembg engine's way, looking at one frame in six; its weights are not in the
repository, so MediaPipe's square model plays the network.
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
from video_editing.matting.mediapipe_engine import SQUARE_MODEL, MediapipeEngine
from video_editing.matting.rembg_engine import propagate
from video_editing.matting.tflite_models import load_tflite
from video_editing.pixels import convert_to_rgb
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip, probe

BACKGROUND = parse_colour("#2ec4b6")
CELL = 400, 260  #: pixels of one picture
TITLE_HEIGHT = 28  #: pixels of the line of titles
KEYFRAME_INTERVAL = 6  #: frames from one look of the carried engine to the next
CONTEXT_FRAMES = 24  #: frames on either side that are enough for any matte


class SquareKeyframeModel:
    """MediaPipe's square model where a network of rembg's would be."""

    side = 256

    def __init__(self) -> None:
        self._model = load_tflite(SQUARE_MODEL)

    def __call__(self, shown: NDArray[np.float32]) -> list[Matte]:
        """What the model sees in each of the pictures *shown*."""
        given = self._model.get_input_details()[0]["index"]
        made = self._model.get_output_details()[0]["index"]
        seen = []
        for one in shown:
            self._model.set_tensor(given, one[None])
            self._model.invoke()
            seen.append(np.rint(self._model.get_tensor(made)[0, :, :, 0] * 255).astype(np.uint8))
        return seen


def main() -> None:
    """Write one sheet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sheets", description=__doc__)
    parser.add_argument("sheet", type=Path, help="the JPEG to write")
    parser.add_argument("clips", type=Path, nargs="+", metavar="CLIP")
    parser.add_argument("--carried", action="store_true", help="show the rembg engine's way")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [render_row(probe(path), is_propagated=options.carried) for path in options.clips]
    page = Image.fromarray(np.vstack([render_titles(is_propagated=options.carried), *rows]))
    page.save(options.sheet, quality=82, optimize=True)


def render_row(clip: Clip, *, is_propagated: bool) -> NDArray[np.uint8]:
    """The middle frame of *clip*, and its person by both recipes."""
    middle = len(clip.times) // 2
    start, end = max(0, middle - CONTEXT_FRAMES), min(len(clip.times) - 1, middle + CONTEXT_FRAMES)
    frames = read_frames(clip, clip.times[start], clip.times[end])
    found: Iterable[tuple[Timed[Picture], Matte]] = MediapipeEngine(clip).compute_mattes(frames)
    if is_propagated:
        found = propagate(found, SquareKeyframeModel(), clip.times, KEYFRAME_INTERVAL)
    frame, small = next(pair for pair in found if pair[0].time >= clip.times[middle])
    picture = frame.value
    old = next(create_predecessor_recipe(SQUARE_MODEL)(clip, [frame]))
    new = refine_alpha(small, picture.y, Box(0, 0, *picture.size), picture.y)
    shots = (
        picture,
        composite(picture, old, is_despilled=False),
        composite(picture, new, is_despilled=True),
    )
    return np.hstack([render_cell(shot) for shot in shots])


def composite(picture: Picture, alpha: Matte, *, is_despilled: bool) -> Picture:
    """The person over a flat colour; *clean* of what was behind her, as our compositor does."""
    width, height = picture.size
    flat = make_solid_picture(BACKGROUND, (round_to_even(width), round_to_even(height)))
    person = despill(picture, alpha) if is_despilled else picture
    return paste(Layer(person, alpha), 0, 0, flat)


def render_cell(picture: Picture) -> NDArray[np.uint8]:
    """*picture* in the middle of a grey cell."""
    width, height = picture.size
    scale = min(CELL[0] / width, CELL[1] / height)
    size = round(width * scale), round(height * scale)
    page = np.full((CELL[1], CELL[0], 3), 32, np.uint8)
    left, top = (CELL[0] - size[0]) // 2, (CELL[1] - size[1]) // 2
    page[top : top + size[1], left : left + size[0]] = np.rint(255 * convert_to_rgb(picture, size))
    return page


def render_titles(*, is_propagated: bool) -> NDArray[np.uint8]:
    """The line above the columns."""
    page = Image.new("RGB", (3 * CELL[0], TITLE_HEIGHT), (32, 32, 32))
    draw = ImageDraw.Draw(page)
    ours = f"one look in {KEYFRAME_INTERVAL} frames, carried" if is_propagated else "overlaybot"
    for column, title in enumerate(("the clip", "predecessor", ours)):
        place = (column * CELL[0] + CELL[0] // 2, TITLE_HEIGHT // 2)
        draw.text(place, title, (255, 255, 255), ImageFont.load_default(16), anchor="mm")
    return np.asarray(page)


if __name__ == "__main__":
    main()
