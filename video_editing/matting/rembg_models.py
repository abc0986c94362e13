"""rembg's networks: rembg finds and loads them, we run them, in batches.

rembg's own ``predict`` stretches each mask between its least and its greatest value: that
flickers from frame to frame and turns an empty picture into noise. Here every picture of every
clip is treated alike.
"""

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from video_editing.concurrency import count_cpus
from video_editing.contract.errors import InputRejected, ModelUnavailable, RejectReason
from video_editing.frames import Matte

DEFAULT_MODEL = "u2net_human_seg"
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class ModelSpec(NamedTuple):
    """What a network takes and gives, as written in rembg's session class of that name.

    Attributes:
        side: it sees squares of that many pixels.
        mean, deviation: of R, G and B, on a scale of 0–1.
        has_logits: it leaves the last sigmoid to the caller.
    """

    side: int
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # ImageNet's
    deviation: tuple[float, float, float] = (0.229, 0.224, 0.225)
    has_logits: bool = False


#: those of rembg's networks that tell person (or object) from background, run on this machine,
#: and need no more than their name
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
    """The form of *model*.

    Raises:
        InputRejected: BAD_OPTION, rembg has no such network, or not for people in pictures.
    """
    try:
        return MODEL_SPECS[model]
    except KeyError:
        raise InputRejected(RejectReason.BAD_OPTION, option="model", value=model[:40]) from None


def choose_keyframe_interval(model: str, device: str) -> int:
    """How many frames from one look to the next are right for *model*.

    A look at a frame takes two cores 0.3 s with the U²-Net and seconds with the larger networks,
    the quick engine and the carrying a hundredth of one: so far apart, neither waits much for the
    other. It hangs on nothing that is measured, so that the same clip has the same mattes.

    Raises:
        InputRejected: BAD_OPTION, there is no such model.
    """
    form = get_model_spec(model)
    if device == "cuda":
        return 1
    return 12 if form.side <= 320 else 24


class OnnxSegmenter:
    """One of rembg's networks, ready to look; one for each process.

    Attributes:
        side: the width and height of the pictures it looks at.
    """

    def __init__(self, model: str = DEFAULT_MODEL, device: str = "cpu") -> None:
        """Load *model*, downloading its weights if rembg has not got them yet.

        Args:
            model: one of :data:`FORMS`.
            device: "cpu" or "cuda"; never the one when the other was asked for.

        Raises:
            InputRejected: BAD_OPTION, there is no such model.
            ModelUnavailable: its weights or the device cannot be had here.
        """
        self._spec = get_model_spec(model)
        self.side = self._spec.side
        self._session = _create_session(model, PROVIDERS[device])
        self._input = self._session.get_inputs()[0]

    def __call__(self, pictures: NDArray[np.float32]) -> list[Matte]:
        """Where the person is in each of *pictures*.

        Args:
            pictures: (n, side, side, 3), R'G'B', 0–1.

        Returns:
            *n* mattes, (side, side).
        """
        tensor = np.subtract(pictures, self._spec.mean, dtype=np.float32)
        tensor /= np.asarray(self._spec.deviation, np.float32)
        tensor = np.ascontiguousarray(tensor.transpose(0, 3, 1, 2))
        several = not isinstance(self._input.shape[0], int)
        batches = [tensor] if several else np.split(tensor, len(tensor))
        return [matte for batch in batches for matte in self._run(batch)]

    def _run(self, batch: NDArray[np.float32]) -> NDArray[np.uint8]:
        # The first of its outputs alone leaves the device; the U²-Net has six more.
        binding = self._session.io_binding()
        binding.bind_cpu_input(self._input.name, batch)
        binding.bind_output(self._session.get_outputs()[0].name)
        self._session.run_with_iobinding(binding)
        alpha = binding.copy_outputs_to_cpu()[0][:, 0]
        if self._spec.has_logits:
            alpha = (1 + np.tanh(alpha / 2)) / 2  # the sigmoid, without its overflow
        mattes: NDArray[np.uint8] = np.rint(alpha.clip(0, 1) * 255).astype(np.uint8)
        return mattes


def _create_session(model: str, provider: str) -> Any:
    """ONNX Runtime's session with the weights that rembg finds for *model*.

    Raises:
        ModelUnavailable: see :class:`Saliency`.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, by the import
    import onnxruntime  # noqa: PLC0415 - after the line above

    if provider not in onnxruntime.get_available_providers():
        raise ModelUnavailable(model, f"this onnxruntime has no {provider}")
    import rembg  # noqa: PLC0415 - compiles for half a minute when it is first imported

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(2, count_cpus())
    options.inter_op_num_threads = 1
    try:
        session = rembg.new_session(model, sess_opts=options, providers=[provider]).inner_session
    except Exception as err:  # ONNX Runtime's errors and pooch's have no ancestor but this
        raise ModelUnavailable(model, f"its weights cannot be loaded: {err}") from err
    if provider not in session.get_providers():
        raise ModelUnavailable(model, f"{provider} does not start here")
    return session
