"""Load the TensorFlow Lite models that MediaPipe's wheel contains."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from video_editing.contract.errors import ModelUnavailable


def load_tflite(name: str) -> Interpreter:
    """Load mediapipe/modules/*name* for one thread, without importing the package.

    Raises:
        ModelUnavailable: the installed mediapipe does not contain it.
    """
    spec = find_spec("mediapipe")
    if spec is None or spec.origin is None:
        raise ModelUnavailable(name, "mediapipe is not installed")
    path = Path(spec.origin).parent / "modules" / name
    if not path.is_file():
        raise ModelUnavailable(name, "the installed mediapipe does not contain it")
    with _silence_stderr():
        model = Interpreter(str(path), num_threads=1)
        model.allocate_tensors()
    return model


@contextmanager
def _silence_stderr() -> Iterator[None]:
    """Discard what native code writes to standard error: LiteRT logs there without being asked."""
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)
