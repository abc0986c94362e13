"""Where the models lie that come with MediaPipe's wheel."""

from importlib.util import find_spec
from pathlib import Path

from video_editing.errors import ModelUnavailable


def bundled(name: str) -> Path:
    """The path of a model under mediapipe/modules, found without importing the package.

    Raises:
        ModelUnavailable: the installed mediapipe does not carry it.
    """
    spec = find_spec("mediapipe")
    if spec is None or spec.origin is None:
        raise ModelUnavailable(name, "mediapipe is not installed")
    path = Path(spec.origin).parent / "modules" / name
    if not path.is_file():
        raise ModelUnavailable(name, "the installed mediapipe does not carry it")
    return path
