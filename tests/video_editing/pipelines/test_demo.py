"""The demo: a person in a circle over a colour, made from the installed packages alone."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.decode_media import heard, rgb, times
from tests.support.overlay_command import overlay


@pytest.mark.slow  # .ci/run makes the demo as well
def test_the_demo_ends_with_a_person_in_a_circle(tmp_path: Path) -> None:
    """It prints the path of the mp4; the face is in its middle, the colour in its corners."""
    result = tmp_path / "demo.mp4"
    ran = overlay("demo", "-o", result)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[0] == str(result)
    frames = rgb(result)
    assert len(frames) == len(times(result)) == 100
    assert heard(result) is not None
    middle = frames[50].astype(int)
    side = middle.shape[0]
    for corner in (middle[:20, :20], middle[-20:, -20:]):
        assert np.abs(corner - (0x16, 0x69, 0x7A)).max() <= 12
    skin = middle[int(0.35 * side) : int(0.45 * side), int(0.45 * side) : int(0.55 * side)]
    assert skin[..., 0].mean() > skin[..., 2].mean() + 20
    with Image.open(tmp_path / "demo.jpg") as comparison:
        assert comparison.size == (2 * side, side)
    printed = dict(line.split(": ") for line in ran.stdout.splitlines()[1:])
    assert printed["engine"] in {"rvm", "mediapipe"}
    assert float(printed["fps"]) > 0
    assert {path.name for path in tmp_path.iterdir()} == {"demo.mp4", "demo.jpg"}
