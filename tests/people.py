"""Short clips of a person for tests, from the photograph that scikit-image carries."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from making import HD, make_clip
from skimage import data


def film_of_eileen(
    path: Path,
    count: int = 12,
    *,
    side: int = 320,
    rate: Fraction | int = 25,
    tone: int | None = None,
) -> Path:
    """Eileen Collins, swaying a little in front of a camera; with a tone for a voice if asked."""
    photograph = cv2.resize(data.astronaut(), (side, side), interpolation=cv2.INTER_AREA)
    swaying = (np.roll(photograph, i % 7, axis=1) for i in range(count))
    return make_clip(path, swaying, rate=rate, colours=HD, tone=tone)
