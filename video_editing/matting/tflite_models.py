"""The models that come with MediaPipe's wheel, ready to run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from video_editing.contract.errors import ModelUnavailable


def load_tflite(name: str) -> Interpreter:
    """The model at mediapipe/modules/*name*, for one thread; the package is not imported.

    Raises:
        ModelUnavailable: the installed mediapipe does not carry it.
    """
    spec = find_spec("mediapipe")
    if spec is None or spec.origin is None:
        raise ModelUnavailable(name, "mediapipe is not installed")
    path = Path(spec.origin).parent / "modules" / name
    if not path.is_file():
        raise ModelUnavailable(name, "the installed mediapipe does not carry it")
    with _silence_stderr():
        model = Interpreter(str(path), num_threads=1)
        model.allocate_tensors()
    return model


@contextmanager
def _silence_stderr() -> Iterator[None]:
    """Keep native code from writing to standard error, where LiteRT says that all is well."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
