"""Pictures for people to look at."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from video_editing.errors import OutputFailed
from video_editing.files import whole

QUALITY = 90


def jpeg(picture: NDArray[np.float32], result: Path) -> None:
    """Write *picture*, (H, W, 3), R'G'B' 0–1, as a JPEG that appears when it is whole.

    Raises:
        OutputFailed: it cannot be written.
    """
    with whole(result) as path:
        try:
            Image.fromarray(np.rint(picture * 255).astype(np.uint8)).save(
                path, "JPEG", quality=QUALITY
            )
        except OSError as err:
            raise OutputFailed(err.strerror or str(err)) from err
