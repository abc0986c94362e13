"""Pictures for people to look at."""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from video_editing.files import output_errors, whole

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
