"""RobustVideoMatting under OpenVINO, on the processor.

OpenVINO computes in bfloat16 where the processor does (AVX-512 BF16, AMX): twice as fast as ONNX
Runtime, with mattes that differ by less than one level; docs/benchmarks.md has the measurement.
"""

from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13

from video_editing.concurrency import count_cpus
from video_editing.contract.errors import ModelUnavailable
from video_editing.frames import FloatPlane
from video_editing.matting.networks.rvm_model import NAME, STATES, State, check_inputs

#: of the picture, for which the network is kept ready; each takes about 60 MB and two threads
COMPILED_SIZES = 4
MAX_THREADS = 2
RATIO_INPUT = "downsample_ratio"


class OpenVinoRvm:
    """The network, compiled for each size of the picture when that is first seen.

    For one fixed size it is 1.3 times as fast as for any; a clip has three sizes or so, and half a
    second compiles one.
    """

    def __init__(self, weights: Path) -> None:
        """Read the network from *weights*, an ONNX file of RobustVideoMatting.

        Raises:
            ModelUnavailable: it cannot be read.
        """
        self._core = openvino.Core()
        try:
            self._model = self._core.read_model(weights)
        except RuntimeError as err:
            raise ModelUnavailable(NAME, f"its weights cannot be loaded: {err}") from err
        check_inputs({value.any_name for value in self._model.inputs}, weights)
        _fix_ratio(self._model)
        self._requests: dict[tuple[int, int], Any] = {}  # by size; the one used last is the last

    def __call__(
        self, picture: NDArray[np.float32], state: State | None
    ) -> tuple[FloatPlane, State]:
        """Compute the alpha of a picture; see RvmNetwork."""
        height, width, _ = picture.shape
        request = self._get_request((height, width))
        source = np.ascontiguousarray(picture.transpose(2, 0, 1)[None])
        names = [before for before, _, _ in STATES]
        maps = state or [np.zeros(request.get_tensor(name).shape, np.float32) for name in names]
        inputs = dict(zip(names, maps, strict=True))
        results = request.infer({"src": source, **inputs}, share_inputs=True)
        return results["pha"][0, 0], tuple(results[after] for _, after, _ in STATES)

    def download(self, state: State) -> list[NDArray[np.float32]]:
        """Return the feature maps of *state*, (c, h, w)."""
        return [features[0] for features in state]

    def upload(self, maps: list[NDArray[np.float32]]) -> State:
        """Return the state that has these feature maps, (1, c, h, w)."""
        return tuple(maps)

    def _get_request(self, size: tuple[int, int]) -> Any:
        """Return a request of the network for pictures of this height and width."""
        request = self._requests.pop(size, None)
        if request is None:
            if len(self._requests) == COMPILED_SIZES:
                del self._requests[next(iter(self._requests))]  # first: its threads are reused
            request = self._compile(*size)
        self._requests[size] = request
        return request

    def _compile(self, height: int, width: int) -> Any:
        """Return a request of the network for pictures of this size."""
        shapes = {"src": [1, 3, height, width]}
        for before, after, divisor in STATES:
            channels = self._model.output(after).partial_shape[1].get_length()
            shapes[before] = [1, channels, height // divisor, width // divisor]
        model = self._model.clone()
        model.reshape(shapes)
        settings = {
            "INFERENCE_NUM_THREADS": min(MAX_THREADS, count_cpus()),
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # the decoder and the encoder use the same processors
        }
        return self._core.compile_model(model, "CPU", settings).create_infer_request()


def _fix_ratio(model: Any) -> None:
    """Replace the input that scales the picture by the constant 1."""
    parameter = model.input(RATIO_INPUT).node
    constant = opset13.constant(np.ones(1, np.float32))
    for target in parameter.output(0).get_target_inputs():
        target.replace_source_output(constant.output(0))
    model.remove_parameter(parameter)
