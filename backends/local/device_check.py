"""Run a network once on an empty image, to check that a device works.

Run as ``python -m backends.local.device_check MODEL DEVICE``, in a child process only, because it
loads the network.
"""

import json
import sys

import numpy as np

from video_editing.contract.errors import ModelUnavailable
from video_editing.matting.networks.rembg_models import OnnxSegmenter


def check_device(model: str, device: str) -> None:
    """Load *model* onto *device* and run it once.

    Raises:
        ModelUnavailable: the model or the device is not available.
    """
    network = OnnxSegmenter(model, device)
    network(np.zeros((1, network.side, network.side, 3), np.float32))


if __name__ == "__main__":
    try:
        check_device(*sys.argv[1:])
    except ModelUnavailable as failure:
        line = {"error": "ModelUnavailable", "message": str(failure)}
        print(json.dumps(line), file=sys.stderr)  # noqa: T201 - the parent process reads it
        sys.exit(4)
