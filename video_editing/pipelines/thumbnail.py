"""The small picture that stands for a result until it is played."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from video_editing.compositing.layout import within_side
from video_editing.contract.atomic_file import output_errors, whole
from video_editing.frames import Picture, Timed
from video_editing.pixels import rgb
from video_editing.reading.decode import pictures
from video_editing.reading.probe import Clip

QUALITY = 90


def jpeg(picture: NDArray[np.float32], result: Path) -> None:
    """Write *picture*, (H, W, 3), R'G'B' 0–1, as a JPEG that appears when it is whole.

    Raises:
        OutputFailed: it cannot be written.
    """
    content = BytesIO()  # Pillow does not notice when a full disk takes half of what it writes
    Image.fromarray(np.rint(picture * 255).astype(np.uint8)).save(content, "JPEG", quality=QUALITY)
    with whole(result) as path, output_errors():
        path.write_bytes(content.getbuffer())


SIDE = 320  #: pixels of the longer side; Telegram takes no more


def photographed(
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
            _photograph(frame.what, result)
        yield frame


def photograph(clip: Clip, result: Path) -> None:
    """Write the same picture of the middle of a file that is there already.

    Raises:
        InputRejected: the clip cannot be read to its middle.
        OutputFailed: the picture cannot be written.
    """
    middle = clip.times[len(clip.times) // 2]
    for frame in pictures(clip, middle, middle + 1):
        _photograph(frame.what, result)


def _photograph(picture: Picture, result: Path) -> None:
    jpeg(rgb(picture, within_side(picture.size, SIDE)), result)
