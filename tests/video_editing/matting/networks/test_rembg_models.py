"""rembg's networks, with small networks in place of their weights."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL.Image import Image, new

from tests.support.onnx_networks import save_constant, save_tinted
from video_editing.contract.errors import InputRejected, ModelUnavailable, RejectReason
from video_editing.matting.networks.rembg_models import (
    MODEL_SPECS,
    ModelSpec,
    OnnxSegmenter,
    choose_keyframe_interval,
    get_model_spec,
)


@pytest.fixture(scope="session")
def noise() -> NDArray[np.float32]:
    """Five different pictures."""
    return np.random.default_rng(1).random((5, 320, 320, 3), np.float32)


@pytest.mark.parametrize("batch", [1, "batch"])
def test_batches(weights: Path, noise: NDArray[np.float32], batch: int | str) -> None:
    """A batch gives, bit by bit, the mattes of its pictures one by one, for any batch input."""
    save_tinted(weights / "u2net_human_seg.onnx", batch=batch)
    segmenter = OnnxSegmenter()
    together = segmenter(noise)
    alone = [segmenter(noise[i : i + 1])[0] for i in range(len(noise))]
    np.testing.assert_array_equal(together, alone)
    assert len({matte.tobytes() for matte in together}) == len(noise)


def test_empty_stays_empty(weights: Path, noise: NDArray[np.float32]) -> None:
    """A network that is 2 % sure of every pixel gives 2 %, not a stretched mask."""
    save_constant(weights / "u2net_human_seg.onnx", 0.02)
    assert all((matte == 5).all() for matte in OnnxSegmenter()(noise))


def test_logits(weights: Path) -> None:
    """A sigmoid is applied where rembg applies one; large values do not overflow."""
    save_constant(weights / "birefnet-general.onnx", -200, side=1024)
    matte = OnnxSegmenter("birefnet-general")(np.zeros((1, 1024, 1024, 3), np.float32))[0]
    assert (matte == 0).all()


@pytest.mark.filterwarnings("ignore:'mode' parameter:DeprecationWarning")
def test_specs() -> None:
    """Sizes, means, deviations and sigmoids are those that rembg's own session classes use."""
    from rembg.sessions import sessions  # noqa: PLC0415 - its first import compiles for half a minute

    assert {model: used_by(sessions[model]) for model in MODEL_SPECS} == MODEL_SPECS


def used_by(session_class: type) -> ModelSpec:
    """Return what one of rembg's session classes does to pictures and outputs."""
    used: dict[str, Any] = {"has_logits": False}

    class Watched(session_class):
        def __init__(self) -> None:
            self.inner_session = self

        def normalize(self, _: Image, mean: object, deviation: object, size: Any) -> None:
            used.update(side=size[0], mean=mean, deviation=deviation)

        def run(self, *_: object) -> list[NDArray[np.float32]]:
            return [np.float32([[[[0, 1]]]])]

        def sigmoid(self, output: NDArray[np.float32]) -> NDArray[np.float32]:
            used["has_logits"] = True
            return output

    Watched().predict(new("RGB", (1, 1)))
    return ModelSpec(**used)


def test_unknown_model() -> None:
    """A model that rembg lacks, or that needs options, is a bad option."""
    for model in ("u3net", "u2net_custom", "sam", "withoutbg"):
        with pytest.raises(InputRejected) as failure:
            get_model_spec(model)
        assert failure.value.reason is RejectReason.BAD_OPTION
        assert failure.value.details == {"option": "model", "value": model}


@pytest.mark.usefixtures("weights")
def test_no_weights() -> None:
    """Without weights and network the model is unavailable, and the error says why."""
    with pytest.raises(ModelUnavailable, match="u2net_human_seg: its weights cannot be loaded"):
        OnnxSegmenter()


def test_broken_weights(weights: Path) -> None:
    """A file that is no network makes the model unavailable."""
    (weights / "u2net_human_seg.onnx").write_bytes(b"<html>not found</html>")
    with pytest.raises(ModelUnavailable, match="u2net_human_seg: its weights cannot be loaded"):
        OnnxSegmenter()


def test_no_cuda(weights: Path) -> None:
    """A missing CUDA is an error; there is no fallback to the processor."""
    save_tinted(weights / "u2net_human_seg.onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(ModelUnavailable, match="uv sync --extra gpu"):
        OnnxSegmenter(device="cuda")


def test_keyframe_intervals() -> None:
    """Every frame is a key frame on a GPU; larger networks have fewer on a processor."""
    assert choose_keyframe_interval("u2net_human_seg", "cuda") == 1
    assert choose_keyframe_interval("u2net_human_seg", "cpu") < choose_keyframe_interval(
        "birefnet-general", "cpu"
    )


def test_cheap_import() -> None:
    """Importing the module imports neither rembg, which is slow, nor onnxruntime."""
    code = (
        "import sys, video_editing.matting.networks.rembg_models\n"
        "sys.exit(bool({'rembg', 'onnxruntime', 'numba'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_is_compiled_for_functions_that_are_not_used(tmp_path: Path) -> None:
    """On a new machine, rembg's import took 40 s of processor time."""
    code = (
        "import time; from video_editing.concurrency import configure_libraries; "
        "configure_libraries(); import rembg.sessions; print(time.process_time())"
    )
    unlike_pytest = {name: value for name, value in os.environ.items() if "NUMBA" not in name}
    environment = {**unlike_pytest, "NUMBA_CACHE_DIR": str(tmp_path)}
    printed = subprocess.check_output([sys.executable, "-c", code], env=environment)
    assert float(printed) < 15
