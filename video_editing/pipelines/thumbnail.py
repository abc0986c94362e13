"""The small picture that stands for a result until it is played."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from video_editing.compositing.layout import fit_within_side
from video_editing.contract.atomic_file import atomic_write, translate_output_errors
from video_editing.frames import Picture, Timed
from video_editing.pixels import convert_to_rgb
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip

JPEG_QUALITY = 90


def write_jpeg(picture: NDArray[np.float32], result: Path) -> None:
    """Write *picture*, (H, W, 3), R'G'B' 0–1, as a JPEG that appears when it is whole.

    Raises:
        OutputFailed: it cannot be written.
    """
    content = BytesIO()  # Pillow does not notice when a full disk takes half of what it writes
    Image.fromarray(np.rint(picture * 255).astype(np.uint8)).save(
        content, "JPEG", quality=JPEG_QUALITY
    )
    with atomic_write(result) as path, translate_output_errors():
        path.write_bytes(content.getbuffer())


THUMBNAIL_SIDE = 320  #: pixels of the longer side; Telegram takes no more


def with_thumbnail(
    frames: Iterator[Timed[Picture]], result: Path, moment: int
) -> Iterator[Timed[Picture]]:
    """Pass *frames* on, and write the first one at or after *moment* as a JPEG.

    Args:
        frames: with their times in ticks.
        result: appears when it is whole; not at all where the frames end before the moment.
        moment: in the same ticks.

    Raises:
        OutputFailed: the picture cannot be written.
    """
    waiting = True
    for frame in frames:
        if waiting and frame.time >= moment:
            waiting = False
            _write_small_jpeg(frame.value, result)
        yield frame


def write_thumbnail(clip: Clip, result: Path) -> None:
    """Write the same picture of the middle of a file that is there already.

    Raises:
        InputRejected: the clip cannot be read to its middle.
        OutputFailed: the picture cannot be written.
    """
    middle = clip.times[len(clip.times) // 2]
    for frame in read_frames(clip, middle, middle + 1):
        _write_small_jpeg(frame.value, result)


def _write_small_jpeg(picture: Picture, result: Path) -> None:
    write_jpeg(convert_to_rgb(picture, fit_within_side(picture.size, THUMBNAIL_SIDE)), result)
