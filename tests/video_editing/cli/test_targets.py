"""What is written never destroys what is read, nor a folder, a pipe or a device."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command_runs import list_files, read_error
from tests.support.make_clips import drawn, make_clip
from tests.support.overlay_command import overlay
from tests.support.person_clips import film_of_eileen

EDIT = ["edit", "--keep-background"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the clip c.mkv, the same as overlay.mp4, and a link to it."""
    make_clip(tmp_path / "c.mkv", drawn(6))
    make_clip(tmp_path / "overlay.mp4", drawn(6))
    (tmp_path / "link.mkv").symlink_to("c.mkv")
    (tmp_path / "twin.mkv").hardlink_to(tmp_path / "c.mkv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("option", "arguments"),
    [
        ("thumbnail", ["probe", "c.mkv", "--thumbnail", "c.mkv"]),
        ("thumbnail", ["probe", "c.mkv", "--thumbnail", "./link.mkv"]),
        ("thumbnail", ["probe", "c.mkv", "--thumbnail", "twin.mkv"]),
        ("output", [*EDIT, "link.mkv", "-o", "c.mkv"]),
        ("output", [*EDIT, "overlay.mp4", "--background", "c.mkv", "-o", "twin.mkv"]),
        ("thumbnail", [*EDIT, "overlay.mp4", "-o", "r", "--background=c.mkv", "--thumbnail=c.mkv"]),
        ("thumbnail", [*EDIT, "c.mkv", "-o", "r.mp4", "--thumbnail", "r.mp4"]),
        ("output", ["preview", "c.mkv", "--background", "overlay.mp4", "-o", "overlay.mp4"]),
        ("output", ["parts", "overlay.mp4", "-o", "."]),
        ("output", ["parts", "c.mkv", "--background", "overlay.mp4", "-o", "."]),
        ("output", ["matte", "c.mkv", "-o", "twin.mkv"]),
        ("output", ["demo", "-o", "demo.jpg"]),
    ],
)
def test_an_input_is_never_a_target(folder: Path, option: str, arguments: list[str]) -> None:
    """Whatever it is called, and also in a folder; nor is one file written twice."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    ran = overlay(*arguments)
    assert ran.returncode == 3, ran.stderr
    report = read_error(ran.stderr)
    assert report["reason"] == "bad_option"
    assert str(report["message"]).startswith(f"--{option}: ")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_segment_that_is_read_is_not_replaced(tmp_path: Path) -> None:
    """Neither by a result that uses it, nor by segments made of it."""
    clip, folder = film_of_eileen(tmp_path / "clip.mp4", 6), tmp_path / "segments"
    assert overlay("matte", clip, "--segments", folder).returncode == 0
    segment = folder / "00000.mp4"
    for arguments in (
        ["edit", clip, "--matte", folder, "-o", segment],
        ["matte", segment, "--segments", folder],
    ):
        ran = overlay(*arguments)
        assert (ran.returncode, read_error(ran.stderr)["reason"]) == (3, "bad_option")


def make_device(path: Path) -> None:
    """Make a device that takes everything, as /dev/null does."""
    try:
        os.mknod(path, 0o666 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make devices")


@pytest.mark.parametrize("make", [os.mkfifo, make_device, os.mkdir])
@pytest.mark.parametrize(
    "arguments",
    [
        [*EDIT, "c.mkv", "-o", "target"],
        [*EDIT, "c.mkv", "-o", "r.mp4", "--thumbnail", "target"],
        ["cut", "c.mkv", "-o", "target"],
        ["preview", "c.mkv", "-o", "target"],
        ["matte", "c.mkv", "-o", "target"],
        ["probe", "c.mkv", "--thumbnail", "target"],
        ["demo", "-o", "target"],
    ],
)
def test_only_a_file_is_replaced(
    folder: Path, arguments: list[str], make: Callable[[Path], None]
) -> None:
    """A pipe, a device and a folder stay as they are, also behind a link."""
    make(folder / "there")
    (folder / "target").symlink_to("there")
    kind = (folder / "there").stat().st_mode
    before = list_files(folder)
    ran = overlay(*arguments)
    assert ran.returncode == 5, ran.stderr
    assert read_error(ran.stderr)["error"] == "OutputFailed"
    assert (folder / "there").stat().st_mode == kind
    assert list_files(folder) == before


def test_a_pipe_among_the_parts_stays(folder: Path) -> None:
    """The names of parts are fixed."""
    os.mkfifo(folder / "luma.mp4")
    ran = overlay("parts", "c.mkv", "--keep-background", "-o", ".")
    assert ran.returncode == 5
    assert (folder / "luma.mp4").is_fifo()


@pytest.mark.parametrize(
    "arguments",
    [
        [*EDIT, "c.mkv", "-o", "none/r.mp4"],
        [*EDIT, "c.mkv", "-o", "r.mp4", "--thumbnail", "none/t.jpg"],
        [*EDIT, "c.mkv", "-o", "c.mkv/r.mp4"],
        [*EDIT, "c.mkv", "-o", "/"],
        ["parts", "c.mkv", "-o", "c.mkv/parts"],
        ["matte", "c.mkv", "--segments", "/dev/null/segments"],
        ["probe", "c.mkv", "--thumbnail", "/"],
        ["demo", "-o", "/"],
    ],
)
def test_a_place_that_cannot_be_written_to_is_known_first(
    folder: Path, arguments: list[str]
) -> None:
    """The clip is not even read: one that is no video would end with another exit status."""
    (folder / "c.mkv").unlink()
    (folder / "c.mkv").write_bytes(b"no video")
    ran = overlay(*arguments)
    assert ran.returncode == 5, ran.stderr
    assert read_error(ran.stderr)["error"] == "OutputFailed"


def test_a_link_is_followed(folder: Path) -> None:
    """The file that it leads to is written, also one that is not there yet."""
    (folder / "out").mkdir()
    for name in ("old.mp4", "new.mp4"):
        (folder / name).symlink_to(f"out/{name}")
    (folder / "out" / "old.mp4").write_bytes(b"older")
    for name in ("old.mp4", "new.mp4"):
        assert overlay(*EDIT, "c.mkv", "-o", name).returncode == 0
        assert (folder / name).is_symlink()
        assert (folder / "out" / name).stat().st_size > 1000
    assert list_files(folder / "out") == ["new.mp4", "old.mp4"]
