"""A contact sheet: one frame of a clip in several looks, side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from video_editing.compositing.background import Background
from video_editing.compositing.composition import Composition
from video_editing.compositing.face_position import find_face
from video_editing.compositing.layout import Size, round_to_even
from video_editing.compositing.overlay import choose_alpha_function
from video_editing.contract.style import Style
from video_editing.matting.engines import resolve_auto
from video_editing.pipelines.preview import (
    Still,
    add_bars,
    compute_still_matte,
    draw_still,
    write_jpeg,
)

SHEET_SIDE = 960  #: pixels of the longer side of a sheet, nearly
GAP = 12  #: pixels between two tiles
BADGE_SIDE = 64  #: pixels of a number's disc
PAPER, DISC, DIGITS = (32, 33, 36), (0, 0, 0, 170), "white"  #: the sheet's colours


class Tile(NamedTuple):
    """One look.

    Attributes:
        style: how the person is cut out and placed; the fade is left out.
        background: from `open_background`.
        canvas: width and height of its result, of which the tile shows a small copy.
    """

    style: Style
    background: Background
    canvas: Size


def write_contact_sheet(
    composition: Composition, tiles: Sequence[Tile], result: Path, *, is_numbered: bool
) -> None:
    """Write a JPEG of all *tiles*.

    All show the key frame with the largest face, whose matte is computed once.

    Args:
        composition: the clip and the engine; its style is not used.
        tiles: at least one.
        result: path of the picture; it appears when it is complete.
        is_numbered: whether the tiles have numbers, from 1.

    Raises:
        InputRejected: the clip or a background cannot be used; NO_PERSON, the matte is empty.
        ModelUnavailable: the engine cannot run on this machine.
        OutputFailed: the picture cannot be written.
    """
    columns = _count_columns(len(tiles))
    side = (SHEET_SIDE - (columns - 1) * GAP) // columns
    pictures = list(_draw_tiles(composition, tiles, side))
    cell = tuple(max(picture.size[axis] for picture in pictures) for axis in (0, 1))
    rows = ceil(len(tiles) / columns)
    size = columns * (cell[0] + GAP) - GAP, rows * (cell[1] + GAP) - GAP
    sheet = Image.new("RGB", size, PAPER)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        left = column * (cell[0] + GAP) + (cell[0] - picture.width) // 2
        top = row * (cell[1] + GAP) + (cell[1] - picture.height) // 2
        sheet.paste(picture, (left, top))
        if is_numbered:
            _draw_number(sheet, number + 1, (left, top))
    write_jpeg(add_bars(np.asarray(sheet, np.float32) / np.float32(255)), result)


def _count_columns(count: int) -> int:
    """Return the tiles of a row: few, so that a phone shows them large."""
    return 1 if count == 1 else 2 if count <= 4 else 3


def _draw_tiles(
    composition: Composition, tiles: Sequence[Tile], side: int
) -> Iterator[Image.Image]:
    """Yield a picture of each tile, its longer side *side* pixels, to the nearest even number."""
    options = resolve_auto(composition.engine_options, composition.clip)
    composition = replace(composition, engine_options=options)
    face = find_face(composition.clip, composition.span)
    is_cut_out = not all(tile.style.keep_background for tile in tiles)
    matte = compute_still_matte(composition, face.best_frame) if is_cut_out else None
    still = Still(face, matte, choose_alpha_function(options.engine))
    for tile in tiles:
        look = replace(composition, style=tile.style)
        scale = side / max(tile.canvas)
        canvas = round_to_even(tile.canvas[0] * scale), round_to_even(tile.canvas[1] * scale)
        yield _convert_to_image(draw_still(look, still, tile.background, canvas))


def _convert_to_image(picture: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(np.rint(picture * 255).astype(np.uint8))


def _draw_number(sheet: Image.Image, number: int, corner: tuple[int, int]) -> None:
    """Draw *number* on a disc in the top left *corner* of a tile."""
    left, top = corner[0] + GAP, corner[1] + GAP
    draw = ImageDraw.Draw(sheet, "RGBA")
    draw.ellipse((left, top, left + BADGE_SIDE, top + BADGE_SIDE), fill=DISC)
    middle = left + BADGE_SIDE / 2, top + BADGE_SIDE / 2
    font = ImageFont.load_default(BADGE_SIDE * 0.6)
    draw.text(middle, str(number), fill=DIGITS, font=font, anchor="mm")
