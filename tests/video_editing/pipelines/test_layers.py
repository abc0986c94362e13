"""The layers of a preview: put together, they are the preview."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.make_clips import drawn as drawn_pictures
from tests.support.make_clips import make_clip
from tests.support.person_clips import film_of_eileen
from video_editing.cli.main import main


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a preview over the blurred clip, and its layers."""
    folder = tmp_path_factory.mktemp("layers")
    clip = film_of_eileen(folder / "clip.mp4", 5)
    words = ["--background=blur", "--shape=none", "--position=center", "--size=1"]
    layers = f"--layers={folder / 'layers'}"
    preview = ["preview", str(clip), f"--output={folder / 'card.jpg'}", layers, *words]
    assert main([*preview, "--progress=none"]) == 0
    return folder


def test_the_person_on_the_background_is_the_preview(drawn: Path) -> None:
    """Up to the losses of WebP and JPEG."""
    with (
        Image.open(drawn / "layers" / "person.webp") as person,
        Image.open(drawn / "layers" / "background.webp") as background,
        Image.open(drawn / "card.jpg") as card,
    ):
        assert person.mode == "RGBA"
        joined = Image.alpha_composite(background.convert("RGBA"), person).convert("RGB")
        difference = np.abs(np.asarray(joined, int) - np.asarray(card.convert("RGB"), int))
    assert difference.mean() < 3


def test_the_geometry_is_told(drawn: Path) -> None:
    geometry = json.loads((drawn / "layers" / "layers.json").read_text())
    assert (geometry["clip"], geometry["background"]) == ([320, 320], None)
    assert geometry["face"] == pytest.approx([0.44, 0.25], abs=0.03)
    assert geometry["seconds"] == pytest.approx(0.2)


def test_the_background_of_a_file_has_its_size(drawn: Path, tmp_path: Path) -> None:
    """From which the result's size follows; the whole frame is there beside it."""
    Image.new("RGB", (640, 360), "red").save(tmp_path / "b.png")
    given = ["preview", str(drawn / "clip.mp4"), f"--output={tmp_path / 'c.jpg'}"]
    more = [f"--background={tmp_path / 'b.png'}", f"--layers={tmp_path / 'l'}", "--progress=none"]
    assert main([*given, *more]) == 0
    assert json.loads((tmp_path / "l" / "layers.json").read_text())["background"] == [640, 360]
    with Image.open(tmp_path / "l" / "background.webp") as picture:
        assert picture.size == (640, 360)
    with Image.open(tmp_path / "l" / "frame.webp") as picture:
        assert picture.size == (320, 320)


def test_a_clip_without_a_person_has_layers_where_none_is_cut_out(tmp_path: Path) -> None:
    """Its own background is kept then, and its person is transparent."""
    clip = make_clip(tmp_path / "clip.mp4", drawn_pictures(2, (320, 180)))
    given = ["preview", str(clip), f"--output={tmp_path / 'c.jpg'}", f"--layers={tmp_path / 'l'}"]
    assert main([*given, "--keep-background", "--progress=none"]) == 0
    assert not json.loads((tmp_path / "l" / "layers.json").read_text())["has_person"]
    with Image.open(tmp_path / "l" / "person.webp") as person:
        assert person.getchannel("A").getextrema() == (0, 0)
