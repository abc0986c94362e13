"""The overlay by the method of the predecessor: each step processes the full frame in sequence."""

import json
import sys
import time
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation
from numpy.typing import NDArray

LANDSCAPE = 1  #: the model that the predecessor uses
THRESHOLD = 0.6
KERNEL_SIZE = 7  #: pixels, side of the Gaussian kernel

Rgb = NDArray[np.uint8]  #: (H, W, 3)


class PredecessorMasks:
    """Computes the masks of the predecessor; the model has a state, so one instance per clip."""

    def __init__(self) -> None:
        self._model = SelfieSegmentation(model_selection=LANDSCAPE)

    def compute_mask(self, picture: Rgb) -> NDArray[np.uint8]:
        """Return the mask of the person, (H, W), 0 background … 255 person."""
        is_person = self._model.process(picture).segmentation_mask > THRESHOLD
        return cv2.GaussianBlur(is_person.astype(np.uint8) * 255, (KERNEL_SIZE, KERNEL_SIZE), 0)


def write_overlay(source: Path, result: Path, count: int) -> float:
    """Write the overlay of the first *count* frames and return the seconds, without loading."""
    masks = PredecessorMasks()
    with av.open(str(source)) as clip, av.open(str(result), "w") as file:
        picture = clip.streams.video[0]
        picture.thread_type = "AUTO"
        stream = file.add_stream("prores_ks", picture.average_rate, options={"profile": "4"})
        stream.width, stream.height = picture.width, picture.height
        stream.pix_fmt = "yuva444p10le"
        start = time.perf_counter()
        for frame in islice(clip.decode(picture), count):
            rgb = frame.to_ndarray(format="rgb24")
            rgba = np.dstack([rgb, masks.compute_mask(rgb)])
            file.mux(stream.encode(av.VideoFrame.from_ndarray(rgba, "rgba")))
        file.mux(stream.encode(None))
        return time.perf_counter() - start


if __name__ == "__main__":
    seconds = write_overlay(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps({"seconds": seconds}))
