"""What a user does ends with a sentence, never with a traceback; a result that is there counts."""

import ctypes
import os
import shlex
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.command_runs import list_files, read_error
from tests.support.make_clips import drawn, make_clip
from tests.support.overlay_command import command, overlay, overlay_on_full_disk
from tests.support.paths import ROOT
from tests.support.person_clips import film_of_eileen
from video_editing.cli.inheritance import MIN_ADDRESS_BYTES

EDIT = ["edit", "--keep-background"]
PR_CAPBSET_DROP = 24  #: linux/prctl.h
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2  #: linux/capability.h


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short clip without a person, for what needs no engine."""
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", drawn(12), tone=300)


def run_in_shell(line: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run *line*, in which $overlay stands for the command with these arguments."""
    program = shlex.join(command(*arguments))
    return subprocess.run(
        ["/bin/bash", "-c", line.replace("$overlay", program)],
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "size", [300, *(pytest.param(size, marks=pytest.mark.slow) for size in (33_000, 100_000))]
)
def test_a_disk_that_is_full_at_a_segment_is_an_output_error(tmp_path: Path, size: int) -> None:
    """At the end or in the midst of it: the limit on the size of files stands for the disk."""
    clip = film_of_eileen(tmp_path / "clip.mp4", 120)
    ran = overlay_on_full_disk(size, "matte", clip, "--segments", tmp_path / "segments")
    assert ran.returncode == 5, ran.stderr
    assert read_error(ran.stderr)["error"] == "OutputFailed"
    assert list_files(tmp_path / "segments") == ["plan.json"]


def obey_permissions() -> None:
    """Have the kernel check permissions also if root runs the tests."""
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="root may read everything")
@pytest.mark.parametrize("name", ["probe", "edit"])
def test_a_clip_that_may_not_be_read_is_named(clip: Path, tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(clip.read_bytes())
    secret.chmod(0)
    output = [] if name == "probe" else ["-o", tmp_path / "r.mp4"]
    ran = overlay(name, secret, *output, preexec_fn=obey_permissions)
    assert ran.returncode == 3
    report = read_error(ran.stderr)
    assert report["reason"] == "no_file"
    assert "Permission denied" in str(report["message"])


@pytest.mark.skipif(sys.platform != "linux", reason="root may read everything")
@pytest.mark.parametrize("content", [b"\x89PNG", None])
def test_a_background_that_may_not_be_read_is_refused(
    clip: Path, tmp_path: Path, content: bytes | None
) -> None:
    """A picture or a video."""
    secret = tmp_path / "secret"
    secret.write_bytes(content or clip.read_bytes())
    secret.chmod(0)
    scene = ["--background", secret, "-o", tmp_path / "r.mp4"]
    ran = overlay(*EDIT, clip, *scene, preexec_fn=obey_permissions)
    assert (ran.returncode, read_error(ran.stderr)["reason"]) == (3, "bad_background")


@pytest.mark.parametrize("size", [(2, 96), (96, 2), (2, 2), (1, 50), (50, 1), (1, 1)])
@pytest.mark.parametrize(
    "arguments",
    [
        ["edit", "-o", "r.mp4"],
        [*EDIT, "--shape", "none", "-o", "r.mp4"],
        [*EDIT, "--shadow", "1", "--ring", "0.2", "--background", "blur", "-o", "r.mp4"],
        ["cut", "--keep-background", "-o", "r.mov"],
        ["cut", "--keep-background", "--container", "sticker", "-o", "r.webm"],
        ["preview", "--keep-background", "-o", "r.jpg"],
        ["parts", "--keep-background", "-o", "parts"],
        ["matte", "-o", "r.mkv"],
        ["probe", "--thumbnail", "r.jpg"],
    ],
)
@pytest.mark.slow
def test_a_clip_of_a_few_pixels_is_no_bug(
    tmp_path: Path, arguments: list[str], size: tuple[int, int]
) -> None:
    """It becomes a result, or is refused with a reason."""
    check_thin_clip(tmp_path, arguments, size)


@pytest.mark.parametrize(
    "arguments",
    [
        ["edit", "-o", "r.mp4"],
        ["preview", "--keep-background", "-o", "r.jpg"],
        ["matte", "-o", "r.mkv"],
    ],
)
def test_a_clip_one_pixel_wide_is_no_bug(tmp_path: Path, arguments: list[str]) -> None:
    check_thin_clip(tmp_path, arguments, (1, 50))


def check_thin_clip(folder: Path, arguments: list[str], size: tuple[int, int]) -> None:
    clip = make_clip(folder / "clip.mkv", drawn(4, size), pixels="yuv444p")
    ran = overlay(arguments[0], clip, *arguments[1:], cwd=folder)
    assert ran.returncode in {0, 3}, ran.stderr
    if ran.returncode:
        read_error(ran.stderr)


@pytest.mark.parametrize("megabytes", ["1e308", "1e300", "inf", "1e30"])
def test_a_size_beyond_all_disks_is_refused(clip: Path, tmp_path: Path, megabytes: str) -> None:
    ran = overlay(*EDIT, clip, "-o", tmp_path / "r.mp4", "--max-mb", megabytes)
    assert (ran.returncode, read_error(ran.stderr)["reason"]) == (3, "bad_option")


def test_a_size_that_any_result_fits_is_no_limit(clip: Path, tmp_path: Path) -> None:
    """Also where its bit rate is more than the encoder can count."""
    ran = overlay(*EDIT, clip, "-o", tmp_path / "r.mp4", "--max-mb", "1e8")
    assert ran.returncode == 0, ran.stderr


def test_a_working_directory_that_is_gone_is_no_bug(clip: Path, tmp_path: Path) -> None:
    """Full paths still lead somewhere, relative ones do not."""
    gone = tmp_path / "gone"
    line = f"mkdir {gone} && cd {gone} && rmdir {gone} && $overlay"
    assert run_in_shell(line, *EDIT, clip, "-o", tmp_path / "r.mp4").returncode == 0
    ran = run_in_shell(line, *EDIT, clip, "-o", "r.mp4")
    assert (ran.returncode, read_error(ran.stderr)["error"]) == (5, "OutputFailed")
    ran = run_in_shell(line, *EDIT, "clip.mp4", "-o", tmp_path / "r2.mp4")
    assert (ran.returncode, read_error(ran.stderr)["reason"]) == (3, "no_file")


@pytest.mark.parametrize("megabytes", [50, 300, MIN_ADDRESS_BYTES // 10**6 + 50])
def test_too_few_addresses_are_no_bug(tmp_path: Path, megabytes: int) -> None:
    """`ulimit -v`: less than libraries need to load, and less than the work needs."""
    clip = film_of_eileen(tmp_path / "clip.mp4", 10)
    line = f"ulimit -v {megabytes * 1000}; $overlay"
    ran = run_in_shell(line, "edit", clip, "-o", tmp_path / "r.mp4")
    assert ran.returncode in {0, 4}
    if ran.returncode:
        assert read_error(ran.stderr)["error"] == "OutOfMemory"


@pytest.mark.parametrize(
    "line",
    [
        "$overlay | true",
        "sleep 0.1 | $overlay > /dev/full",
        "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 $overlay",
        "PYTHONIOENCODING=ascii $overlay",
        "$overlay >&-",
        "$overlay 2>&-",
        "$overlay <&- >&- 2>&-",
    ],
)
@pytest.mark.parametrize("progress", ["bar", "none"])
def test_a_result_that_cannot_be_printed_is_kept(
    clip: Path, tmp_path: Path, line: str, progress: str
) -> None:
    """Whatever standard output is: the exit status is that of the work."""
    result = tmp_path / "видео \udcff.mp4"
    arguments = [*EDIT, clip, "-o", result, "--progress", progress]
    ran = run_in_shell(f"set -o pipefail; {line}", *arguments)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert result.stat().st_size > 1000
    assert overlay("probe", result).returncode == 0


def test_closed_streams_are_not_taken_for_the_result(clip: Path, tmp_path: Path) -> None:
    """A file that is opened gets the lowest free number, which may be that of a stream."""
    for form, suffix in (("video", "mp4"), ("gif", "gif")):
        expected, result = tmp_path / f"expected.{suffix}", tmp_path / f"r.{suffix}"
        arguments = [*EDIT, clip, "--form", form, "-o"]
        assert overlay(*arguments, expected).returncode == 0
        assert run_in_shell("$overlay <&- >&- 2>&-", *arguments, result).returncode == 0
        assert result.read_bytes() == expected.read_bytes()


def test_progress_on_a_full_disk_does_not_stop_the_work(clip: Path, tmp_path: Path) -> None:
    arguments = [*EDIT, clip, "-o", tmp_path / "r.mp4", "--progress", "json"]
    ran = run_in_shell("$overlay > /dev/full", *arguments)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (tmp_path / "r.mp4").exists()


@pytest.mark.parametrize("line", ["$overlay > /dev/full", "$overlay | true"])
def test_a_probe_that_cannot_be_printed_has_failed(clip: Path, line: str) -> None:
    """There is no other result."""
    ran = run_in_shell(f"set -o pipefail; {line}", "probe", clip)
    assert (ran.returncode, read_error(ran.stderr)["error"]) == (5, "OutputFailed")


@pytest.mark.parametrize("line", ["$overlay > /dev/full", "$overlay | true"])
def test_help_that_cannot_be_printed_is_no_bug(line: str) -> None:
    ran = run_in_shell(f"set -o pipefail; {line}", "edit", "--help")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_an_error_that_cannot_be_printed_keeps_its_exit_status(tmp_path: Path) -> None:
    ran = run_in_shell("$overlay 2> /dev/full", "probe", tmp_path / "none.mp4")
    assert ran.returncode == 3


def test_a_reader_that_ends_stops_the_work(tmp_path: Path) -> None:
    """The exit status is that of a program that SIGPIPE ends."""
    frames = list(drawn(8, (640, 360))) * 100
    long_clip = make_clip(tmp_path / "long.mp4", frames, options={"preset": "ultrafast"})
    arguments = [*EDIT, long_clip, "-o", tmp_path / "r.mp4", "--progress", "json"]
    ran = run_in_shell("set -o pipefail; $overlay | head -n 1", *arguments)
    assert (ran.returncode, read_error(ran.stderr)["error"]) == (141, "Cancelled")
    assert list_files(tmp_path) == ["long.mp4"]


@pytest.mark.parametrize(
    "arguments", [["serve", "--port", "99999999"], ["parts", "c", "-o", "p", "--rate", "1/0"]]
)
def test_a_number_out_of_range_is_a_wrong_command_line(arguments: list[str]) -> None:
    program = "import sys; from backends.cli import main; sys.exit(main())"
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr


def test_a_video_that_is_over_at_once_is_a_picture(clip: Path, tmp_path: Path) -> None:
    """One frame of a microsecond as the background, which would be read again without end."""
    options = {"movie_timescale": "1000000", "video_track_timescale": "1000000"}
    flash = make_clip(
        tmp_path / "f.mp4", drawn(1), rate=Fraction(1_000_000), container="mp4", muxing=options
    )
    ran = overlay(*EDIT, clip, "--background", flash, "-o", tmp_path / "r.mp4", timeout=20)
    assert ran.returncode == 0, ran.stderr
