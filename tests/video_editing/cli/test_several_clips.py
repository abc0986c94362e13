"""Several clips in one command: a result for each, whatever becomes of the others."""

import json
from pathlib import Path

import pytest

from tests.support.make_clips import drawn, make_clip
from tests.support.overlay_command import overlay
from video_editing.reading.probe import probe


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder with two clips of one name, and something else."""
    folder = tmp_path / "clips"
    folder.mkdir()
    make_clip(folder / "talk.mp4", drawn(6), tone=300)
    make_clip(folder / "talk.mkv", drawn(9), tone=300)
    (folder / "notes.txt").write_text("not a clip")
    return folder


def list_names(folder: Path) -> list[str]:
    """The names of the files in *folder*."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("is_folder", [True, False])
def test_each_has_a_result(clips: Path, tmp_path: Path, *, is_folder: bool) -> None:
    """Numbered where names are the same; the folder is made."""
    given = [clips] if is_folder else [clips / "talk.mkv", clips / "talk.mp4"]
    out = tmp_path / "new" / "results"
    done = overlay("edit", *given, "--keep-background", "-o", out, "--progress=json")
    assert done.returncode == 0, done.stderr
    assert list_names(out) == ["talk-2.mp4", "talk.mp4"]
    ends = [line for line in map(json.loads, done.stdout.splitlines()) if line["stage"] == "done"]
    assert [line["result"] for line in ends] == [str(out / "talk.mp4"), str(out / "talk-2.mp4")]
    assert len(probe(out / "talk.mp4").times) == 9
    assert len(probe(out / "talk-2.mp4").times) == 6


def test_a_folder_may_have_one_clip(clips: Path, tmp_path: Path) -> None:
    """Its result is in a folder as well."""
    (clips / "talk.mkv").unlink()
    done = overlay("edit", clips, "--keep-background", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert list_names(tmp_path / "out") == ["talk.mp4"]


def test_one_that_fails_costs_itself(clips: Path, tmp_path: Path) -> None:
    """Each failure is told with the name of the clip, and the first one is the exit status."""
    broken, missing, out = clips / "broken.mov", clips / "missing.mov", tmp_path / "out"
    broken.write_bytes(b"no video" * 100)
    done = overlay(
        "edit", missing, broken, clips / "talk.mp4", "--keep-background", "--form=gif", "-o", out
    )
    assert done.returncode == 3
    assert "missing.mov: There is no file" in done.stderr
    assert "broken.mov: This is not a video" in done.stderr
    assert list_names(out) == ["talk.gif"]


def test_where_all_fail_nothing_is_left(clips: Path, tmp_path: Path) -> None:
    """Not even the folder."""
    missing = [clips / "a.mov", clips / "b.mov"]
    done = overlay("edit", *missing, "-o", tmp_path / "out")
    assert done.returncode == 3
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--thumbnail=a.jpg"], "it goes with one clip"),
        (["--matte=m.mkv"], "it goes with one clip"),
        ([], "is one of the clips"),
    ],
)
def test_nothing_is_begun_that_cannot_be_done(clips: Path, more: list[str], why: str) -> None:
    """A result never replaces a clip, also not another one's."""
    before = {path: path.read_bytes() for path in clips.iterdir()}
    done = overlay("edit", clips, "--keep-background", "-o", clips, *more)
    assert (done.returncode, why in done.stderr) == (3, True), done.stderr
    assert {path: path.read_bytes() for path in clips.iterdir()} == before


def test_a_folder_without_clips(tmp_path: Path) -> None:
    """Is told as one."""
    done = overlay("edit", tmp_path, "-o", tmp_path / "out")
    assert done.returncode == 3
    assert "has no clips" in done.stderr


def test_a_file_in_place_of_the_folder(clips: Path, tmp_path: Path) -> None:
    """It is kept."""
    (tmp_path / "out").write_text("mine")
    done = overlay("edit", clips, "--keep-background", "-o", tmp_path / "out")
    assert done.returncode == 5
    assert (tmp_path / "out").read_text() == "mine"
