"""rembg as in its documentation: ``remove()`` for each frame."""

import json
import os
import sys
import time
from itertools import islice
from pathlib import Path

import av
import numpy as np
import rembg

MODEL = "u2net_human_seg"


def write_cutouts(source: Path, result: Path, count: int) -> float:
    """Write the cut-outs of the first *count* frames and return the seconds, without loading.

    The result is raw RGBA in one file. The time of the encoder is not counted.
    """
    session = rembg.new_session(MODEL, providers=["CPUExecutionProvider"])
    seconds = 0.0
    with av.open(str(source)) as clip, av.open(str(result), "w") as file:
        picture = clip.streams.video[0]
        stream = file.add_stream("rawvideo", picture.average_rate)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "rgba"
        for frame in islice(clip.decode(picture), count):
            start = time.perf_counter()
            rgba = rembg.remove(frame.to_ndarray(format="rgb24"), session=session)
            seconds += time.perf_counter() - start
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(rgba), "rgba")))
        file.mux(stream.encode(None))
    return seconds


if __name__ == "__main__":
    os.environ["U2NET_HOME"] = str(Path(sys.argv[4]).absolute())  # the folder contains the weights
    seconds = write_cutouts(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps({"seconds": seconds}))
