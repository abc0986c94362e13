"""The small picture that stands for a result until it is played."""

from collections.abc import Iterator
from pathlib import Path

from video_editing.clip import Clip
from video_editing.decode import pictures
from video_editing.frames import Picture, Timed
from video_editing.jpeg import jpeg
from video_editing.layout import within_side
from video_editing.rgb import rgb

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
