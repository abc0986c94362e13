"""Short clips of a person, from the photograph `astronaut` of scikit-image."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from tests.support.make_clips import HD, make_clip


def film_of_eileen(
    path: Path,
    count: int = 12,
    *,
    side: int = 320,
    rate: Fraction | int = 25,
    tone: int | None = None,
) -> Path:
    """Write a clip of a person who sways by six pixels, with *tone* hertz as audio if given."""
    photograph = cv2.resize(data.astronaut(), (side, side), interpolation=cv2.INTER_AREA)
    pictures = (np.roll(photograph, i % 7, axis=1) for i in range(count))
    return make_clip(path, pictures, rate=rate, colours=HD, tone=tone)


def somebody(count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield pictures, 160x96, of a person who sways by five pixels."""
    photograph = cv2.resize(data.astronaut()[:307], (160, 96), interpolation=cv2.INTER_AREA)
    for i in range(count):
        yield np.roll(photograph, i % 6, axis=1)
