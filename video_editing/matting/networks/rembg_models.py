"""rembg's networks: rembg downloads and loads them, this module runs them in batches.

rembg's own ``predict`` stretches each mask between its smallest and largest value. That flickers
from frame to frame and turns an empty picture into noise, so outputs are not stretched here.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from video_editing.contract.engines import DEFAULT_MODEL
from video_editing.contract.errors import InputRejected, ModelUnavailable, RejectReason
from video_editing.frames import Matte
from video_editing.matting.networks.onnx_session import create_session, import_onnxruntime


class ModelSpec(NamedTuple):
    """Input and output of a network, from rembg's session class of that name.

    Attributes:
        side: width and height of its square input in pixels.
        mean, deviation: of R, G and B, on a scale of 0–1.
        has_logits: whether its output lacks the final sigmoid.
    """

    side: int
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # ImageNet's
    deviation: tuple[float, float, float] = (0.229, 0.224, 0.225)
    has_logits: bool = False


#: rembg's networks that separate a person or an object from the background, run locally and need
#: no options
MODEL_SPECS = {
    "u2net": ModelSpec(320),
    "u2net_human_seg": ModelSpec(320),
    "u2netp": ModelSpec(320),
    "silueta": ModelSpec(320),
    "isnet-general-use": ModelSpec(1024, (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)),
    "isnet-anime": ModelSpec(1024, deviation=(1.0, 1.0, 1.0)),
    "bria-rmbg": ModelSpec(1024),
    "birefnet-general": ModelSpec(1024, has_logits=True),
    "birefnet-general-lite": ModelSpec(1024, has_logits=True),
    "birefnet-general-fp16": ModelSpec(1024, has_logits=True),
    "birefnet-portrait": ModelSpec(1024, has_logits=True),
    "birefnet-dis": ModelSpec(1024, has_logits=True),
    "birefnet-hrsod": ModelSpec(1024, has_logits=True),
    "birefnet-cod": ModelSpec(1024, has_logits=True),
    "birefnet-massive": ModelSpec(1024, has_logits=True),
}


def get_model_spec(model: str) -> ModelSpec:
    """Return the specification of *model*.

    Raises:
        InputRejected: BAD_OPTION, rembg has no such network, or it does not segment people.
    """
    try:
        return MODEL_SPECS[model]
    except KeyError:
        raise InputRejected(RejectReason.BAD_OPTION, option="model", value=model[:40]) from None


def choose_keyframe_interval(model: str, device: str) -> int:
    """Return the number of frames from one key frame to the next for *model*.

    A key frame takes two cores 0.3 s with U²-Net and seconds with the larger networks; the quick
    engine and the propagation take 0.01 s a frame. At these intervals neither waits much for the
    other. The interval depends on no measurement, so that a clip always has the same mattes.

    Raises:
        InputRejected: BAD_OPTION, the model is unknown.
    """
    spec = get_model_spec(model)
    if device == "cuda":
        return 1
    return 12 if spec.side <= 320 else 24


class OnnxSegmenter:
    """One of rembg's networks, loaded.

    Attributes:
        side: width and height of its input in pixels.
    """

    def __init__(self, model: str = DEFAULT_MODEL, device: str = "cpu") -> None:
        """Load *model*; rembg downloads its weights if they are not cached.

        Args:
            model: one of :data:`MODEL_SPECS`.
            device: "cpu" or "cuda"; there is no fallback to the other one.

        Raises:
            InputRejected: BAD_OPTION, the model is unknown.
            ModelUnavailable: its weights or the device are not available.
        """
        self._spec = get_model_spec(model)
        self.side = self._spec.side
        self._session = create_session(model, _find_weights(model, device), device)
        self._input = self._session.get_inputs()[0]

    def __call__(self, pictures: NDArray[np.float32]) -> list[Matte]:
        """Segment a batch of pictures.

        Args:
            pictures: (n, side, side, 3), R'G'B', 0–1.

        Returns:
            *n* mattes, (side, side).
        """
        tensor = np.subtract(pictures, self._spec.mean, dtype=np.float32)
        tensor /= np.asarray(self._spec.deviation, np.float32)
        tensor = np.ascontiguousarray(tensor.transpose(0, 3, 1, 2))
        has_dynamic_batch = not isinstance(self._input.shape[0], int)
        batches = [tensor] if has_dynamic_batch else np.split(tensor, len(tensor))
        return [matte for batch in batches for matte in self._run(batch)]

    def _run(self, batch: NDArray[np.float32]) -> NDArray[np.uint8]:
        # Only the first output is copied from the device; U²-Net has six more.
        binding = self._session.io_binding()
        binding.bind_cpu_input(self._input.name, batch)
        binding.bind_output(self._session.get_outputs()[0].name)
        self._session.run_with_iobinding(binding)
        alpha = binding.copy_outputs_to_cpu()[0][:, 0]
        if self._spec.has_logits:
            alpha = (1 + np.tanh(alpha / 2)) / 2  # the sigmoid, without its overflow
        mattes: NDArray[np.uint8] = np.rint(alpha.clip(0, 1) * 255).astype(np.uint8)
        return mattes


def _find_weights(model: str, device: str) -> Path:
    """Return the file with rembg's weights of *model*, downloaded once.

    Raises:
        ModelUnavailable: the weights or the device are not available.
    """
    import_onnxruntime(model, device)  # before rembg does
    from rembg.sessions import sessions  # noqa: PLC0415 - two seconds that other engines do not need

    try:
        return Path(sessions[model].download_models())
    except Exception as err:  # pooch's errors have no other common base
        raise ModelUnavailable(model, f"its weights cannot be loaded: {err}") from err
