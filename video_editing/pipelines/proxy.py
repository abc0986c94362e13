"""A small muted copy of a clip and a strip of its pictures, for a page that trims it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from video_editing.compositing.layout import fit_within_side
from video_editing.contract.atomic_file import atomic_folder
from video_editing.contract.formats import PROXY_FILE, STRIP_FILE
from video_editing.frames import Picture, Timed
from video_editing.pipelines.preview import write_jpeg
from video_editing.pixels import convert_to_rgb, resize_picture
from video_editing.reading.decode import read_frames
from video_editing.reading.probe import Clip
from video_editing.writing.mp4 import open_mp4
from video_editing.writing.tracks import StreamSpec

PROXY_SIDE, STRIP_SIDE = 320, 96  #: pixels of the longer side of a picture
PROXY_RATE = 12  #: frames a second at most
PROXY_BYTES = 3_000_000  #: of the copy at most
STRIP_PICTURES = 10
MAX_FULL_SECONDS = 120  #: of a clip that is decoded as a whole; of a longer one, key frames alone


def write_proxy(clip: Clip, folder: Path) -> None:
    """Write the copy, an mp4 without sound, and the strip, a JPEG of pictures side by side.

    Args:
        clip: from `probe`.
        folder: to which both are written when both are complete.

    Raises:
        InputRejected: CORRUPT, too little of the clip decodes.
        OutputFailed: the folder cannot be written.
    """
    size = fit_within_side(clip.size, PROXY_SIDE)
    spec = StreamSpec(
        size=size,
        timebase=clip.timebase,
        rate=min(clip.rate, Fraction(PROXY_RATE)),
        seconds=clip.duration,
    )
    strip: list[Picture] = []
    with atomic_folder(folder) as part:
        with open_mp4(part / PROXY_FILE, spec, PROXY_BYTES) as writer:
            for frame in _read_small_frames(clip, size):
                writer.write_picture(frame)
                due = len(strip) * clip.duration / STRIP_PICTURES
                if len(strip) < STRIP_PICTURES and frame.time * clip.timebase >= due:
                    strip.append(frame.value)
        small = fit_within_side(clip.size, STRIP_SIDE)
        pictures = [convert_to_rgb(picture, small) for picture in strip]
        write_jpeg(np.concatenate(pictures, axis=1), part / STRIP_FILE)


def _read_small_frames(clip: Clip, size: tuple[int, int]) -> Iterator[Timed[Picture]]:
    """Yield frames of *size*, at most PROXY_RATE a second."""
    due = Fraction(0)
    for frame in read_frames(clip, keyframes_only=clip.duration > MAX_FULL_SECONDS):
        if frame.time * clip.timebase < due:
            continue
        due = frame.time * clip.timebase + Fraction(1, PROXY_RATE)
        yield Timed(frame.time, resize_picture(frame.value, size))
