"""RobustVideoMatting under ONNX Runtime, on the processor or a GPU."""

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from video_editing.frames import FloatPlane
from video_editing.matting.networks.onnx_session import create_session, import_onnxruntime
from video_editing.matting.networks.rvm_model import NAME, STATES, State, check_inputs

#: of the picture, for which a GPU keeps a session ready
MAX_SESSIONS = 8


class OnnxRvm:
    """The network; its state stays on its device.

    cuDNN plans its work anew whenever a session sees another size of the picture, which takes half
    a second, so on a GPU each size has a session of its own. Calls may run at the same time.
    """

    def __init__(self, weights: Path, device: str) -> None:
        """Load the network.

        Args:
            weights: an ONNX file of RobustVideoMatting.
            device: "cpu" or "cuda".

        Raises:
            ModelUnavailable: the weights or the device are not available.
        """
        self._weights, self._device = weights, device
        self._make_value = import_onnxruntime(NAME, device).OrtValue.ortvalue_from_numpy
        first = create_session(NAME, weights, device)
        check_inputs({value.name for value in first.get_inputs()}, weights)
        #: by size, the one used last is the last; () has seen none yet, or serves all
        self._sessions: dict[tuple[int, ...], Any] = {(): first}
        self._lock = Lock()
        self._ratio = self._make_value(np.ones(1, np.float32))
        self._first_state = self.upload([np.zeros((1, 1, 1, 1), np.float32)] * 4)

    def __call__(
        self, picture: NDArray[np.float32], state: State | None
    ) -> tuple[FloatPlane, State]:
        """Compute the alpha of a picture; see RvmNetwork."""
        session = self._get_session(picture.shape)
        binding = session.io_binding()
        binding.bind_cpu_input("src", np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))
        binding.bind_ortvalue_input("downsample_ratio", self._ratio)
        for (name, _, _), value in zip(STATES, state or self._first_state, strict=True):
            binding.bind_ortvalue_input(name, value)
        binding.bind_output("pha", "cpu")
        for _, name, _ in STATES:
            binding.bind_output(name, self._device)
        session.run_with_iobinding(binding)
        alpha, *maps = binding.get_outputs()
        return alpha.numpy()[0, 0], tuple(maps)

    def _get_session(self, size: tuple[int, ...]) -> Any:
        key = size if self._device == "cuda" else ()
        with self._lock:
            session = self._sessions.pop(key, None) or self._sessions.pop((), None)
            if session is None:
                session = create_session(NAME, self._weights, self._device)
            self._sessions[key] = session
            if len(self._sessions) > MAX_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
            return session

    def download(self, state: State) -> list[NDArray[np.float32]]:
        """Return the feature maps of *state*, (c, h, w)."""
        return [features.numpy()[0] for features in state]

    def upload(self, maps: list[NDArray[np.float32]]) -> State:
        """Return the state that has these feature maps, (1, c, h, w)."""
        return tuple(self._make_value(each, self._device, 0) for each in maps)
