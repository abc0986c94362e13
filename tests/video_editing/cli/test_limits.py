"""Limits of memory and time: a sentence or a result, whatever a file says of itself."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.support.command_runs import list_files, read_error
from tests.support.make_clips import drawn, make_clip
from tests.support.onnx_networks import save_recurrent
from tests.support.overlay_command import command, overlay
from tests.support.paths import ROOT
from video_editing.memory import count_machine_bytes

HOSTILE = ROOT.parent / "shared" / "cases" / "hostile"
MAX_SECONDS, MAX_MEGABYTES = 15, 500
#: Runs a program, and prints its exit status and how many kilobytes it held at most.
PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
#: Prints how many pages the kernel gives to a process that takes and frees the planes of frames.
PAGES = """
import resource
import numpy as np
from video_editing.memory import keep_freed_memory
if {keeps}:
    keep_freed_memory()
np.ones(1 << 23, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    planes = [np.ones(1 << 23, np.uint8) for _ in range(3)]
    del planes
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short clip without a person."""
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", drawn(12), tone=300)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("elst_20000x5000.mp4", "too_large"),
        ("flash_1us.mp4", None),
        ("frames_170000_10min.mp4", "too_long"),
        ("late_sound_fuzzed.flv", None),
        ("rush.mp4", None),
        ("strip_1MBx20000.mkv", "too_large"),
        ("tracks_900.mp4", "too_large"),
        ("trun_many.mp4", "too_large"),
    ],
)
@pytest.mark.parametrize("work", ["probe", "preview", "edit", "parts", "background"])
@pytest.mark.slow
def test_a_hostile_file_costs_little(
    clip: Path, tmp_path: Path, name: str, reason: str | None, work: str
) -> None:
    """In each command, as the clip and as the background."""
    file = HOSTILE / name
    if not file.exists():
        pytest.skip("the hostile files (../shared/cases) are missing")
    output = ["--keep-background", "-o", tmp_path / "result"]
    arguments = {
        "probe": ["probe", file],
        "background": ["edit", clip, *output, "--background", file],
    }.get(work, [work, file, *output])
    ran, seconds, megabytes = measure(command(*arguments))
    assert seconds < MAX_SECONDS
    assert megabytes < MAX_MEGABYTES
    if reason is None:
        assert ran.returncode == 0, ran.stderr
    else:
        expected = "bad_background" if work == "background" else reason
        assert (ran.returncode, read_error(ran.stderr)["reason"]) == (3, expected)
        assert list_files(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_the_largest_pictures_cost_little(clip: Path, tmp_path: Path, suffix: str) -> None:
    """48 megapixels with alpha, as the background."""
    picture = tmp_path / f"b{suffix}"
    Image.new("RGBA", (8000, 6000), "teal").save(picture)
    output = ["--keep-background", "-o", tmp_path / "r.jpg"]
    ran, seconds, megabytes = measure(command("preview", clip, "--background", picture, *output))
    assert ran.returncode == 0, ran.stderr
    assert seconds < MAX_SECONDS
    assert megabytes < MAX_MEGABYTES


def measure(program: list[str]) -> tuple["subprocess.CompletedProcess[str]", float, float]:
    """Run a program; return how it ended, its seconds and its megabytes at most."""
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-c", PEAK, *program], check=True, capture_output=True, text=True
    )
    seconds = time.monotonic() - began
    code, kilobytes = map(int, re.findall(r"-?\d+", ran.stdout))
    ran.returncode = code
    return ran, seconds, kilobytes / 1000


def test_a_command_with_too_little_memory_ends_with_a_sentence(clip: Path, tmp_path: Path) -> None:
    """The libraries alone take more than this."""
    output = ["--keep-background", "-o", tmp_path / "r.mp4"]
    ran = overlay("edit", clip, *output, "--memory", "100")
    assert ran.returncode == 4
    report = read_error(ran.stderr)
    assert report["error"] == "OutOfMemory"
    assert "--memory" in str(report["message"])
    assert list_files(tmp_path) == []


@pytest.mark.parametrize("megabytes", ["900", "9" * 30])
def test_enough_memory_is_no_limit(clip: Path, tmp_path: Path, megabytes: str) -> None:
    """Also more than any machine has."""
    output = ["--keep-background", "-o", tmp_path / "r.mp4"]
    ran = overlay("edit", clip, *output, "--memory", megabytes)
    assert ran.returncode == 0, ran.stderr


#: Runs a program as a user without other processes, who may read and write what root may.
AS_ANOTHER_USER = (
    *("setpriv", "--reuid", "54321", "--clear-groups"),
    *("--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"),
)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
@pytest.mark.parametrize(("count", "work"), [(1, "probe"), (8, "speed")])
def test_too_few_threads_end_with_a_sentence(
    clip: Path, tmp_path: Path, count: int, work: str
) -> None:
    """At the first thread, and at one of a decoder or a network."""
    save_recurrent(tmp_path / "weights.onnx")
    limit = ("bash", "-c", f'ulimit -u {count}; exec "$@"', "bash")
    weights = f"--weights={tmp_path / 'weights.onnx'}"
    program = command(work, clip if work == "probe" else weights)
    ran = subprocess.run(
        [*AS_ANOTHER_USER, *limit, *program], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 4, ran.stderr
    assert "ulimit -u" in str(read_error(ran.stderr)["message"])


GROW = """
import sys, time
import numpy as np
from video_editing.cli.commands import Command, CommandArguments
from video_editing.cli.main import main

def grow(options, report):
    blocks = []
    while True:
        blocks.append(np.ones({block}, np.uint8))
        time.sleep({pause})

sys.exit(main(["grow", "--memory", "400"], {{"grow": Command("grow", CommandArguments, grow)}}))
"""


@pytest.mark.parametrize(("block", "pause"), [(1_000_000, 0.001), (3_000_000_000, 0)])
def test_memory_is_limited_whether_it_grows_slowly_or_at_once(block: int, pause: float) -> None:
    """The process is watched, and the kernel refuses what would come between two looks."""
    ran, _, megabytes = measure([sys.executable, "-c", GROW.format(block=block, pause=pause)])
    assert (ran.returncode, read_error(ran.stderr)["error"]) == (4, "OutOfMemory")
    assert megabytes < 550


WAIT = """
import hashlib, sys, time
from video_editing.cli.commands import Command, CommandArguments
from video_editing.cli.limits import READ_SECONDS, limit_reading_time
from video_editing.cli.main import main

def wait(options, report):
    with limit_reading_time("no file", extra_seconds=0.3 - READ_SECONDS):
        {work}

sys.exit(main(["wait"], {{"wait": Command("wait", CommandArguments, wait)}}))
"""


@pytest.mark.parametrize(
    "work",
    ["while True: pass", "time.sleep(60)", "hashlib.pbkdf2_hmac('sha1', b'', b'', 10**9)"],
)
def test_reading_that_does_not_end_is_ended(work: str) -> None:
    """Whether it computes or waits, and also where no signal reaches it."""
    program = [sys.executable, "-c", WAIT.format(work=work)]
    ran = subprocess.run(program, cwd=ROOT, check=False, capture_output=True, text=True, timeout=30)
    report = read_error(ran.stderr)
    assert (ran.returncode, report["reason"]) == (3, "too_large")
    assert "takes more than" in str(report["message"])


def test_the_memory_is_that_of_the_control_group(tmp_path: Path) -> None:
    """Version 2 or 1; the machine's where it is less, or where there is no limit."""
    machine = count_machine_bytes(tmp_path)
    assert machine > 100_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert count_machine_bytes(tmp_path) == machine
    (tmp_path / "memory.max").write_text("90000000\n")
    assert count_machine_bytes(tmp_path) == 90_000_000
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("80000000\n")
    assert count_machine_bytes(tmp_path) == 80_000_000


def test_more_than_120_frames_a_second_are_thinned_out(tmp_path: Path) -> None:
    """A result of slow motion is as long as the clip, and has the frames that a screen shows."""
    clip = make_clip(tmp_path / "c.mp4", drawn(480), rate=480)
    result = tmp_path / "r.mp4"
    assert overlay("edit", clip, "--keep-background", "-o", result).returncode == 0
    probed = json.loads(overlay("probe", result, "--progress", "json").stdout)
    assert probed["seconds"] == pytest.approx(1, abs=0.01)
    assert probed["rate"] == pytest.approx(120, abs=1)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_freed_planes_are_taken_again() -> None:
    """Without it the kernel gives, and clears, all pages again for each frame."""
    returned, kept = (
        int(subprocess.check_output([sys.executable, "-c", PAGES.format(keeps=keeps)], cwd=ROOT))
        for keeps in (False, True)
    )
    assert kept < returned / 5
