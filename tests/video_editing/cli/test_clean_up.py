"""Nothing is left behind by work that is refused, fails or is stopped."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.command_runs import list_files, read_error
from tests.support.make_clips import drawn, make_clip
from tests.support.overlay_command import command, overlay
from tests.support.paths import ROOT
from video_editing.compositing.background import make_solid_picture
from video_editing.contract.style import parse_colour
from video_editing.frames import Timed
from video_editing.writing.mp4 import open_mp4
from video_editing.writing.tracks import StreamSpec

EDIT = ["edit", "--keep-background", "--progress", "json"]
#: the installed program, whose module is loaded from the repository
OVERLAY = [sys.executable, "-c", "import sys; from backends.cli import main; sys.exit(main())"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short clip without a person."""
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", drawn(12), tone=300)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that takes longer than any test waits for."""
    path = tmp_path_factory.mktemp("clips") / "long.mp4"
    return make_clip(path, list(drawn(8, (640, 360))) * 200, options={"preset": "ultrafast"})


def stop(
    program: Sequence[str], sent: signal.Signals, share: float, *, is_ignored: bool = False
) -> tuple[int, str]:
    """Run a program, send it a signal when a share of the work is done; return code and stderr."""

    def reset() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
        signal.signal(sent, signal.SIG_IGN if is_ignored else signal.SIG_DFL)

    with subprocess.Popen(
        program,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=reset,  # noqa: PLW1509 - tests have one thread
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            progress = json.loads(line)
            if progress.get("done", 0) >= share * progress.get("total", 1):
                break
        child.send_signal(sent)
        _, stderr = child.communicate(timeout=60)
    return child.returncode, stderr


@pytest.mark.parametrize(
    "sent",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_an_edit_that_is_stopped_leaves_no_thumbnail(
    long_clip: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    """It is made at the middle and appears with the result; the sentence promises no more."""
    files = ["-o", tmp_path / "r.mp4", "--thumbnail", tmp_path / "t.jpg"]
    code, stderr = stop(command(*EDIT, long_clip, *files), sent, 0.6)
    assert code == 128 + sent
    assert read_error(stderr)["error"] == "Cancelled"
    assert list_files(tmp_path) == []


def test_a_failed_edit_leaves_an_older_thumbnail(clip: Path, tmp_path: Path) -> None:
    """The clip shows no person, which is known only at its end."""
    thumbnail = tmp_path / "t.jpg"
    thumbnail.write_bytes(b"older")
    assert overlay("edit", clip, "-o", tmp_path / "r", "--thumbnail", thumbnail).returncode == 3
    assert thumbnail.read_bytes() == b"older"
    assert list_files(tmp_path) == ["t.jpg"]


def test_a_long_last_frame_is_the_thumbnail(tmp_path: Path) -> None:
    """All frames come before the middle."""
    spec = StreamSpec(
        size=(64, 64), timebase=Fraction(1, 25), rate=Fraction(1), seconds=Fraction(4)
    )
    with open_mp4(tmp_path / "clip.mp4", spec) as writer:
        for time in range(3):
            writer.write_picture(Timed(time, make_solid_picture(parse_colour("red"), spec.size)))
    thumbnail = tmp_path / "t.jpg"
    files = ["-o", tmp_path / "r.mp4", "--thumbnail", thumbnail]
    assert overlay(*EDIT, tmp_path / "clip.mp4", *files).returncode == 0
    assert thumbnail.read_bytes().startswith(b"\xff\xd8")


@pytest.mark.slow
def test_a_closed_terminal_leaves_no_temporary_folder(long_clip: Path, tmp_path: Path) -> None:
    """SIGHUP, while a backend makes the mattes."""
    (tmp_path / "temporary").mkdir()
    arguments = ["edit", str(long_clip), "--backend", "local-cpu", "--progress", "json"]
    program = ["env", f"TMPDIR={tmp_path / 'temporary'}", f"PYTHONPATH={ROOT}", *OVERLAY]
    code, stderr = stop([*program, *arguments, "-o", str(tmp_path / "r.mp4")], signal.SIGHUP, 0.01)
    assert (code, read_error(stderr)["error"]) == (129, "Cancelled")
    assert list_files(tmp_path) == ["temporary"]


def test_nohup_is_respected(clip: Path, tmp_path: Path) -> None:
    """A program whose parent has set SIGHUP to be ignored goes on."""
    program = command(*EDIT, clip, "-o", tmp_path / "r.mp4")
    code, stderr = stop(program, signal.SIGHUP, 0.01, is_ignored=True)
    assert (code, stderr) == (0, "")
    assert list_files(tmp_path) == ["r.mp4"]


@pytest.mark.parametrize(
    "options",
    [["--only", "7"], ["--check"], ["--engine", "rembg", "--device", "cuda"]],
)
def test_segments_that_are_refused_leave_no_plan(
    clip: Path, tmp_path: Path, options: list[str]
) -> None:
    """Nor a folder."""
    ran = overlay("matte", clip, "--segments", tmp_path / "new" / "segments", *options)
    assert ran.returncode in {3, 4}
    read_error(ran.stderr)
    assert list_files(tmp_path) == []


def test_parts_that_fail_leave_no_folder(clip: Path, tmp_path: Path) -> None:
    """The clip shows no person, which is known only at its end."""
    assert overlay("parts", clip, "-o", tmp_path / "new" / "parts").returncode == 3
    assert list_files(tmp_path) == []


def test_parts_that_fail_leave_older_ones(clip: Path, tmp_path: Path) -> None:
    """All parts are replaced together."""
    arguments = ["parts", clip, "--background", "blur", "-o", tmp_path]
    assert overlay(*arguments, "--keep-background").returncode == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    pictures = ["expected.jpg", "inverted.jpg"]
    assert sorted(before) == ["blur.mp4", *pictures, "luma.mp4", "overlay.mp4"]
    assert overlay(*arguments, "--radius", "0.3").returncode == 3
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_parts_that_are_stopped_leave_no_folder(long_clip: Path, tmp_path: Path) -> None:
    arguments = ["parts", long_clip, "--keep-background", "--progress", "json"]
    code, _ = stop(command(*arguments, "-o", tmp_path / "parts"), signal.SIGTERM, 0.1)
    assert code == 143
    assert list_files(tmp_path) == []


@pytest.mark.slow
def test_a_demo_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    """Neither its clip nor one of its two results."""
    (tmp_path / "temporary").mkdir()
    program = command("demo", "--progress", "json", "-o", tmp_path / "demo.mp4")
    program = ["env", f"TMPDIR={tmp_path / 'temporary'}", *program]
    code, _ = stop(program, signal.SIGTERM, 0.9)
    assert code in {0, 143}
    expected = ["demo.jpg", "demo.mp4"] if code == 0 else []
    assert list_files(tmp_path) == [*expected, "temporary"]


STUCK = """
import sys, time
from pathlib import Path
from video_editing.concurrency import configure_libraries
configure_libraries()
import video_editing.cli.main  # what it loads takes a part of the memory
from video_editing.cli.limits import limit_memory
from video_editing.contract.atomic_file import atomic_write, temporary_folder
from video_editing.memory import measure_resident_bytes
folder = Path(sys.argv[1])
with atomic_write(folder / "file") as part, temporary_folder(folder) as temporary:
    part.write_text("unfinished")
    (temporary / "file").write_text("unfinished")
    with limit_memory(measure_resident_bytes() // 1_000_000 - 5):
        time.sleep(50)  # what a simulated signal does not end
"""


def test_a_process_that_has_to_be_ended_leaves_nothing(tmp_path: Path) -> None:
    """A library that does not return when a limit is broken cannot be unwound."""
    ran = subprocess.run(
        [sys.executable, "-c", STUCK, tmp_path],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=40,
    )
    assert (ran.returncode, read_error(ran.stderr)["error"]) == (4, "OutOfMemory")
    assert list_files(tmp_path) == []
