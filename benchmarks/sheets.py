"""Contact sheets that compare cut-outs: the predecessor's, and those of the two engines.

    uv run python -m benchmarks.sheets SHEET.jpg CLIP ...

Each row shows the middle frame of a clip, then the person over a plain colour by the recipe of the
predecessor (full frame, one model, threshold 0.6, 7-pixel Gaussian), by the fast engine and by the
best one.
"""

import argparse
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
from video_editing.compositing.overlay import choose_alpha_function
from video_editing.contract.engines import BEST_ENGINE, FAST_ENGINE, EngineOptions
from video_editing.contract.style import parse_colour
from video_editing.frames import Box, Layer, Matte, Picture
from video_editing.matting.engines import create_engine
from video_editing.matting.networks.selfie_models import SQUARE_MODEL
from video_editing.pixels import convert_to_rgb
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip, probe

BACKGROUND = parse_colour("#2ec4b6")
CELL = 400, 260  #: pixels, width and height of one picture
TITLE_HEIGHT = 28  #: pixels, height of the line of titles
CONTEXT_FRAMES = 36  #: frames on each side that are enough for every matte
TITLES = ("the clip", "predecessor", "overlaybot, fast", "overlaybot, best")


def main() -> None:
    """Write one sheet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sheets", description=__doc__)
    parser.add_argument("sheet", type=Path, help="the JPEG to write")
    parser.add_argument("clips", type=Path, nargs="+", metavar="CLIP")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [render_row(probe(path)) for path in options.clips]
    page = Image.fromarray(np.vstack([render_titles(), *rows]))
    page.save(options.sheet, quality=82, optimize=True)


def render_row(clip: Clip) -> NDArray[np.uint8]:
    """Render the middle frame of *clip* and its person by each recipe."""
    middle = clip.times[len(clip.times) // 2]
    frame = next(read_frames(clip, middle))
    predecessor = next(create_predecessor_recipe(SQUARE_MODEL)(clip, [frame]))
    shots = [
        frame.value,
        composite(frame.value, predecessor, is_despilled=False),
        *(
            composite(frame.value, compute_alpha(clip, engine, middle), is_despilled=True)
            for engine in (FAST_ENGINE, BEST_ENGINE)
        ),
    ]
    return np.hstack([render_cell(shot) for shot in shots])


def compute_alpha(clip: Clip, engine: str, time: int) -> Matte:
    """Return the alpha of the frame at *time*, of its size, as the compositor applies it."""
    index = clip.times.index(time)
    start, end = max(0, index - CONTEXT_FRAMES), min(len(clip.times) - 1, index + CONTEXT_FRAMES)
    frames = read_frames(clip, clip.times[start], clip.times[end])
    mattes = create_engine(EngineOptions(engine=engine), clip).compute_mattes(frames)
    frame, small = next(pair for pair in mattes if pair[0].time >= time)
    picture = frame.value
    return choose_alpha_function(engine)(small, picture, Box(0, 0, *picture.size), picture.y)


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


def render_titles() -> NDArray[np.uint8]:
    """Render the titles of the columns."""
    page = Image.new("RGB", (len(TITLES) * CELL[0], TITLE_HEIGHT), (32, 32, 32))
    draw = ImageDraw.Draw(page)
    for column, title in enumerate(TITLES):
        centre = (column * CELL[0] + CELL[0] // 2, TITLE_HEIGHT // 2)
        draw.text(centre, title, (255, 255, 255), ImageFont.load_default(16), anchor="mm")
    return np.asarray(page)


if __name__ == "__main__":
    main()
