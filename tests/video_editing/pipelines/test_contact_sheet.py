"""Several looks of one clip in one picture."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.person_clips import film_of_eileen
from video_editing.cli.main import main
from video_editing.compositing.background import open_background
from video_editing.compositing.composition import Composition
from video_editing.contract.style import Anchor, Shape, Style
from video_editing.pipelines.contact_sheet import GAP, Tile, write_contact_sheet
from video_editing.pipelines.preview import write_preview
from video_editing.reading.probe import ClipLimits, probe

BLUE = open_background("#204060", ClipLimits())
STYLES = (Style(), Style(shape=Shape.RECT, keep_background=True, position=Anchor.TOP_LEFT))


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_each_tile_is_a_preview_of_its_look(tmp_path: Path) -> None:
    """Side by side, and a number changes its corner alone."""
    composition = Composition(probe(film_of_eileen(tmp_path / "c.mp4", 2)))
    tiles = [Tile(style, BLUE, (474, 356)) for style in STYLES]
    write_contact_sheet(composition, tiles, tmp_path / "plain.jpg", is_numbered=False)
    write_contact_sheet(composition, tiles, tmp_path / "numbered.jpg", is_numbered=True)
    plain, numbered = read(tmp_path / "plain.jpg"), read(tmp_path / "numbered.jpg")
    assert plain.shape == (356, 2 * 474 + GAP, 3)
    for number, style in enumerate(STYLES):
        card = tmp_path / f"{number}.jpg"
        write_preview(Composition(composition.clip, style), card, BLUE, (474, 356))
        left = number * (474 + GAP)
        tile = plain[:, left : left + 474]
        assert np.abs(tile - read(card)).mean() < 1.5
        changed = np.abs(numbered - plain)[:, left : left + 474].max(axis=2) > 60
        assert changed[:80, :80].any()
        assert not changed[80:].any()


def test_a_sheet_of_long_looks_is_within_what_telegram_takes(tmp_path: Path) -> None:
    """As a photo: 20:1."""
    composition = Composition(probe(film_of_eileen(tmp_path / "c.mp4", 1)))
    tile = Tile(STYLES[1], BLUE, (3000, 100))
    write_contact_sheet(composition, [tile], tmp_path / "s.jpg", is_numbered=True)
    height, width = read(tmp_path / "s.jpg").shape[:2]
    assert width <= 20 * height


@pytest.mark.parametrize("looks", ["[]", "[{}", '[{"style": {"shape": "star"}}]'])
def test_looks_that_cannot_be_read_are_refused(
    tmp_path: Path, looks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "looks.json").write_text(looks)
    film = film_of_eileen(tmp_path / "c.mp4", 1)
    sheet = ["sheet", str(film), "-o", str(tmp_path / "s.jpg"), "--progress=none"]
    assert main([*sheet, f"--looks={tmp_path / 'looks.json'}"]) == 3
    assert "looks" in capsys.readouterr().err


def test_the_command_draws_looks_by_the_names_of_options(tmp_path: Path) -> None:
    looks = [{"scene": {"canvas": "9:16"}}, {"style": {"keep_background": True, "centre": [0, 0]}}]
    (tmp_path / "looks.json").write_text(json.dumps(looks))
    film = film_of_eileen(tmp_path / "c.mp4", 1)
    sheet = ["sheet", str(film), "-o", str(tmp_path / "s.jpg"), "--progress=none"]
    assert main([*sheet, f"--looks={tmp_path / 'looks.json'}"]) == 0
    assert read(tmp_path / "s.jpg").shape == (474, 2 * 474 + GAP, 3)
