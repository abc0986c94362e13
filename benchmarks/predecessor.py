"""The overlay as the predecessor made it: every step on the whole frame, one after the other."""

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

LANDSCAPE = 1  #: the model that it chose
THRESHOLD = 0.6
KERNEL_SIZE = 7  #: pixels, side of the Gaussian's kernel

Rgb = NDArray[np.uint8]  #: (H, W, 3)


class PredecessorMasks:
    """The predecessor's masks, one for each picture; a clip needs one of these to itself."""

    def __init__(self) -> None:
        self._model = SelfieSegmentation(model_selection=LANDSCAPE)

    def compute_mask(self, picture: Rgb) -> NDArray[np.uint8]:
        """Where the person is, (H, W), 0 background … 255 person."""
        sure = self._model.process(picture).segmentation_mask > THRESHOLD
        return cv2.GaussianBlur(sure.astype(np.uint8) * 255, (KERNEL_SIZE, KERNEL_SIZE), 0)


def write_overlay(source: Path, result: Path, count: int) -> float:
    """Write the overlay of the first *count* frames; give the seconds that took, loading aside."""
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
