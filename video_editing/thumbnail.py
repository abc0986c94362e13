"""The small picture that stands for a result until it is played."""

from collections.abc import Iterator
from pathlib import Path

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
            jpeg(rgb(frame.what, within_side(frame.what.size, SIDE)), result)
        yield frame
