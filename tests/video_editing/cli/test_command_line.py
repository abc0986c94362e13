"""The command line for users and parent processes: options, exit codes, signals, full disks."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.command_runs import list_files, read_error
from tests.support.decode_media import times
from tests.support.make_clips import drawn, make_clip
from tests.support.overlay_command import command, overlay, overlay_on_full_disk
from tests.support.person_clips import film_of_eileen
from video_editing.cli.main import build_parser, main
from video_editing.cli.output import describe_error
from video_editing.concurrency import count_cpus
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import make_plan, write_plan
from video_editing.reading.probe import ClipLimits, probe

PROMPT = 1.0  #: seconds in which a signal ends the work, on a machine that is ours alone


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short clip without a person, for what needs no engine."""
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", drawn(12), tone=300)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that takes longer than any test waits for."""
    path = tmp_path_factory.mktemp("clips") / "long.mp4"
    frames = list(drawn(8, (1280, 720))) * 200
    return make_clip(path, frames, options={"preset": "ultrafast"})


def build_edit(clip: Path, result: Path, *more: object) -> list[str]:
    return command("edit", clip, "--keep-background", "-o", result, *more)


@pytest.mark.parametrize("name", ["edit", "cut", "matte", "preview", "parts", "probe", "demo"])
def test_help_explains_every_option(name: str) -> None:
    """Each help text states the default, or the option is a switch, optional or required."""
    for option in build_parser()[1][name]._actions:  # noqa: SLF001 - argparse shows them nowhere else
        assert option.help, option.dest
        if option.option_strings and not option.required and option.dest != "help":
            switch = option.nargs == 0
            alternative = option.dest in {"output", "segments"} and name == "matte"
            optional = option.dest == "matte"
            assert switch or alternative or optional or "default" in option.help, option.dest
    shown = overlay(name, "--help")
    assert shown.returncode == 0
    assert "default: None" not in shown.stdout
    assert "%(" not in shown.stdout


def test_the_version_names_ffmpeg(capsys: pytest.CaptureFixture[str]) -> None:
    """As PyAV brings it along, so that an old one is noticed."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert re.search(r"^FFmpeg \w[\w.+-]* in PyAV \d", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["juggle"],
        ["edit"],
        ["edit", "c.mp4"],
        ["edit", "c.mp4", "-o", "r.mp4", "--crop", "1"],
        ["edit", "c.mp4", "-o", "r.mp4", "--center", "left"],
        ["edit", "c.mp4", "-o", "r.mp4", "--lines", "500"],
        ["edit", "c.mp4", "-o", "r.mp4", "--every", "-1"],
        ["parts", "c.mp4", "-o", "p", "--rate", "1/0"],
        ["parts", "c.mp4", "-o", "p", "--rate", "121"],
        ["matte", "c.mp4"],
        ["matte", "c.mp4", "--segments", "s", "--only", "-2"],
        ["matte", "c.mp4", "--segments", "s", "-o", "m.mkv"],
        ["matte", "c.mp4", "--segments", "s", "--check", "--plan-only"],
    ],
)
def test_a_wrong_command_line_prints_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, as is usual."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: overlay")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--radius", "nan"),
        ("--radius", "2"),
        ("--size", "0"),
        ("--size", "inf"),
        ("--threshold", "1"),
        ("--feather", "-1"),
        ("--offset", "nan,0"),
        ("--center", "1.5,0"),
        ("--fade", "-1"),
        ("--ring-color", "sand"),
        ("--background", "nowhere.mp4"),
        ("--max-mb", "0"),
        ("--max-mb", "nan"),
        ("--crop", "0,0"),
    ],
)
def test_a_value_out_of_range_names_its_option(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    """Exit code 3, the reason bad_option, and nothing is written."""
    code = main(["edit", str(clip), "-o", str(tmp_path / "r.mp4"), f"{option}={value}"])
    assert code == 3
    report = read_error(capsys.readouterr().err)
    assert report["error"] == "InputRejected"
    assert report["reason"] == "bad_option"
    assert list_files(tmp_path) == []


def test_a_missing_clip_is_named(tmp_path: Path) -> None:
    """Also if the name is too long for any file system."""
    for name in ("none.mp4", "x" * 300 + ".mp4"):
        ran = overlay("edit", tmp_path / name, "-o", tmp_path / "r.mp4")
        assert ran.returncode == 3
        assert read_error(ran.stderr)["reason"] == "no_file"
    assert list_files(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    [
        "with spaces.mp4",
        "quo'te\"s.mp4",
        "-o.mp4",
        "two\nlines.mp4",
        "%02d.mp4",
        "видео 🎬.mp4",
        "12:30.mp4",
        "a;b|c&d$(e).mp4",
        "..mp4",
    ],
)
def test_any_file_name_is_accepted(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    """For the clip and the result; after -- a name may begin with a dash."""
    (tmp_path / name).write_bytes(clip.read_bytes())
    monkeypatch.chdir(tmp_path)
    options = ["--keep-background", "--progress", "json", f"--output=n{name}"]
    assert main(["edit", *options, "--", name]) == 0
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert done["result"] == f"n{name}"
    assert list_files(tmp_path) == sorted([name, f"n{name}"])
    assert len(times(tmp_path / f"n{name}")) == 12


def test_progress_as_json_rises_to_the_total(clip: Path, tmp_path: Path) -> None:
    """One JSON object a line on standard output; the last says where and what the result is."""
    ran = subprocess.run(
        build_edit(clip, tmp_path / "r.mp4", "--progress", "json"),
        check=True,
        capture_output=True,
        text=True,
    )
    *steps, done = map(json.loads, ran.stdout.splitlines())
    assert done == {
        "stage": "done",
        "result": str(tmp_path / "r.mp4"),
        "width": 160,
        "height": 96,
        "seconds": 0.4,
        "engine": "",
        "frames": 0,
        "empty_frames": 0,
        "shots": 0,
        "people": 0,
        "certainty": 0.0,
        "warnings": [],
    }
    assert {step["stage"] for step in steps} == {"edit"}
    assert [step["done"] for step in steps] == sorted(step["done"] for step in steps)
    assert (steps[-1]["done"], steps[-1]["total"]) == (12, 12)
    assert ran.stderr == ""


def test_a_cut_prints_its_box_in_the_frame(clip: Path, tmp_path: Path) -> None:
    """In its last line, for programs that lay it over something."""
    style = ["--keep-background", "--center", "0.5,0.5", "--progress", "json"]
    ran = overlay("cut", clip, *style, "-o", tmp_path / "o.mov")
    assert json.loads(ran.stdout.splitlines()[-1]) == {
        "stage": "done",
        "result": str(tmp_path / "o.mov"),
        "width": 68,
        "height": 68,
        "seconds": 0.4,
        "box": [46, 14, 68, 68],
        "frame": [160, 96],
    }


def test_the_input_is_never_overwritten(clip: Path, tmp_path: Path) -> None:
    """Neither the clip nor the background, also through a link."""
    before = clip.read_bytes()
    link = tmp_path / "link.mp4"
    link.symlink_to(clip)
    for source, result, behind in ((clip, link, "red"), (link, clip, "red"), (clip, link, link)):
        ran = overlay("edit", source, "--background", behind, "-o", result, "--keep-background")
        assert ran.returncode == 3
        assert read_error(ran.stderr)["reason"] == "bad_option"
    assert clip.read_bytes() == before


def test_a_failure_leaves_an_older_result_as_it_was(clip: Path, tmp_path: Path) -> None:
    """The clip shows no person, which is known only at its end."""
    result = tmp_path / "r.mp4"
    result.write_bytes(b"older")
    ran = overlay("edit", clip, "-o", result)
    assert ran.returncode == 3
    assert read_error(ran.stderr)["reason"] == "no_person"
    assert result.read_bytes() == b"older"
    assert list_files(tmp_path) == ["r.mp4"]


@pytest.mark.parametrize("path", ["none/r.mp4", "file/r.mp4", "x" * 300 + ".mp4", "folder"])
@pytest.mark.parametrize("name", ["edit", "cut", "preview"])
def test_a_path_that_cannot_be_written_to_is_reported(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, path: str
) -> None:
    """No folder, a file for a folder, too long a name, a folder for a file: exit code 5."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    assert main([name, str(clip), "--keep-background", "-o", str(tmp_path / path)]) == 5
    assert read_error(capsys.readouterr().err)["error"] == "OutputFailed"
    assert list_files(tmp_path) == ["file", "folder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_reported(clip: Path, tmp_path: Path) -> None:
    """Like any other path that cannot be written to."""
    tmp_path.chmod(0o555)
    ran = overlay("edit", clip, "--keep-background", "-o", tmp_path / "r.mp4")
    tmp_path.chmod(0o755)
    assert ran.returncode == 5
    assert read_error(ran.stderr)["error"] == "OutputFailed"


@pytest.mark.parametrize(
    "arguments",
    [
        ["edit", "-o", "r.mp4"],
        ["edit", "--form", "gif", "-o", "r.gif"],
        ["edit", "--form", "note", "-o", "r.mp4"],
        ["cut", "-o", "r.mov"],
        ["cut", "--container", "webm", "-o", "r.webm"],
        ["preview", "-o", "r.jpg"],
    ],
)
def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path, arguments: list[str]) -> None:
    """At any moment: the limit on the size of files stands for a full disk."""
    random = np.random.default_rng(8)
    noise = (random.integers(0, 256, (96, 160, 3), np.uint8) for _ in range(20))
    clip = make_clip(tmp_path / "clip.mp4", noise, tone=300)
    (tmp_path / "out").mkdir()
    for room in (100, 2_000):
        style = ["--keep-background", "--shape", "rect"]
        ran = overlay_on_full_disk(
            room, arguments[0], clip, *style, *arguments[1:], cwd=tmp_path / "out"
        )
        assert ran.returncode == 5, ran.stderr
        report = read_error(ran.stderr)
        assert report["error"] == "OutputFailed"
        assert "too large" in str(report["message"])
        assert list_files(tmp_path / "out") == []


def test_a_full_disk_leaves_complete_segments_only(tmp_path: Path) -> None:
    """The plan, and the segments that were complete before."""
    clip = film_of_eileen(tmp_path / "clip.mp4", 10)
    ran = overlay_on_full_disk(1500, "matte", clip, "--segments", tmp_path / "segments")
    assert ran.returncode == 5
    assert read_error(ran.stderr)["error"] == "OutputFailed"
    assert list_files(tmp_path / "segments") == ["plan.json"]


WORK = {
    "edit": ["edit", "--keep-background", "-o", "r.mp4"],
    "over the clip, blurred": ["edit", "--background", "blur", "-o", "r.mp4"],
    "gif": ["edit", "--keep-background", "--form", "gif", "-o", "r.gif"],
    "cut": ["cut", "--keep-background", "-o", "r.mov"],
    "webm": ["cut", "--keep-background", "--container", "webm", "-o", "r.webm"],
    "matte": ["matte", "-o", "m.mkv"],
    "segments": ["matte", "--segments", "segments"],
}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "work",
    [
        work if work in {"edit", "segments"} else pytest.param(work, marks=pytest.mark.slow)
        for work in WORK
    ],
)
def test_a_signal_ends_the_work_at_once(
    long_clip: Path, tmp_path: Path, work: str, sent: signal.Signals
) -> None:
    """Within a second, with the shell's exit code, and without a file of the result."""
    name, *rest = WORK[work]
    process = start([name, long_clip, *rest, "--progress", "json"], tmp_path)
    for child in process:
        assert child.stdout is not None
        child.stdout.readline()  # it is in the midst of it
        took, stderr = send_signal(child, sent)
        assert child.returncode == 128 + sent
        assert read_error(stderr)["error"] == "Cancelled"
        assert took < PROMPT * get_load_factor()
    assert [part for part in list_files(tmp_path) if not part.startswith("segments")] == []
    assert [part for part in list_files(tmp_path) if "part" in part] == []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [0.4, 0.8, 1.3])
def test_a_signal_ends_the_work_at_any_moment(
    long_clip: Path, tmp_path: Path, moment: float, sent: signal.Signals
) -> None:
    """While modules load there is nothing to clean up, and the default action ends the process."""
    (tmp_path / "r.mp4").write_bytes(b"older")
    for child in start(["edit", long_clip, *WORK["edit"][1:]], tmp_path):
        time.sleep(moment * get_load_factor())
        took, stderr = send_signal(child, sent)
        assert child.returncode in {128 + sent, -sent}
        assert "Traceback" not in stderr
        assert took < PROMPT * get_load_factor()
    assert list_files(tmp_path) == ["r.mp4"]
    assert (tmp_path / "r.mp4").read_bytes() == b"older"


def test_a_second_signal_does_not_disturb_the_first(long_clip: Path, tmp_path: Path) -> None:
    """Cleaning up goes on."""
    for child in start(["edit", long_clip, *WORK["edit"][1:], "--progress", "json"], tmp_path):
        assert child.stdout is not None
        child.stdout.readline()
        for sent in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            child.send_signal(sent)
        child.communicate(timeout=20)
        assert child.returncode in {130, 143}
    assert list_files(tmp_path) == []


def test_a_closed_pipe_ends_the_work_and_leaves_nothing(long_clip: Path, tmp_path: Path) -> None:
    """The parent process has closed its end: the work would go on for no reader."""
    for child in start(["edit", long_clip, *WORK["edit"][1:], "--progress", "json"], tmp_path):
        assert child.stdout is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr is not None
        child.stderr.read()
        assert child.wait(timeout=60) != 0
    assert list_files(tmp_path) == []


def start(arguments: list[object], folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Start one child in a process group; when it has ended, the group is empty."""

    def fresh() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it

    with subprocess.Popen(
        command(*arguments),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=fresh,  # noqa: PLW1509 - tests have one thread
    ) as child:
        try:
            yield child
            child.wait(timeout=60)
            with pytest.raises(ProcessLookupError):
                os.killpg(child.pid, 0)
        finally:
            if child.poll() is None:
                child.kill()


def get_load_factor() -> float:
    """How many run for each processor, at least 1: on a busy machine all takes that much longer."""
    return max(1.0, os.getloadavg()[0] / count_cpus())


def send_signal(child: "subprocess.Popen[str]", sent: signal.Signals) -> tuple[float, str]:
    """Send a signal; return the seconds until the child ended, and its standard error."""
    began = time.monotonic()
    child.send_signal(sent)
    _, stderr = child.communicate(timeout=60)
    return time.monotonic() - began, stderr


@pytest.mark.slow
def test_some_segments_are_made_and_checked(tmp_path: Path) -> None:
    """A plan alone, then some segments, then the rest; a damaged one is reported."""
    clip = film_of_eileen(tmp_path / "clip.mp4", 24, rate=2)
    folder = tmp_path / "segments"

    def matte(*more: object) -> "subprocess.CompletedProcess[str]":
        return overlay("matte", clip, "--segments", folder, "--progress", "json", *more)

    assert matte("--plan-only").returncode == 0
    assert list_files(folder) == ["plan.json"]
    assert matte("--only", "1").returncode == 0
    assert list_files(folder) == ["00001.mp4", "plan.json"]
    assert matte("--only", "1", "--check").returncode == 0
    lacking = matte("--check")
    assert lacking.returncode == 3
    assert read_error(lacking.stderr)["details"]["segment"] == 0  # type: ignore[index]
    rest = [json.loads(line) for line in matte().stdout.splitlines()]
    assert (rest[-1]["done"], rest[-1]["total"]) == (24, 24)
    assert list_files(folder) == ["00000.mp4", "00001.mp4", "plan.json"]
    whole = (folder / "00001.mp4").read_bytes()
    assert matte("--check").returncode == 0
    (folder / "00001.mp4").unlink()
    assert matte("--only", "1").returncode == 0
    assert (folder / "00001.mp4").read_bytes() == whole
    (folder / "00001.mp4").write_bytes(whole[:500])
    damaged = matte("--check")
    assert read_error(damaged.stderr)["reason"] == "bad_matte"
    assert read_error(damaged.stderr)["details"]["segment"] == 1  # type: ignore[index]
    assert read_error(matte("--only", "2").stderr)["reason"] == "bad_option"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    """1080p in 700 MB, and four times the length takes a tenth more at most."""
    peaks = []
    for seconds in (5, 20):
        clip = film_of_eileen(tmp_path / f"{seconds}.mp4", 30 * seconds, side=1080, rate=30, tone=9)
        program = build_edit(clip, tmp_path / "r.mp4")
        program.remove("--keep-background")
        ran = subprocess.run(
            ["/usr/bin/env", "python3", "-c", PEAK, *program],
            check=True,
            capture_output=True,
            text=True,
        )
        peaks.append(int(re.findall(r"\d+", ran.stdout)[-1]) / 1000)
    assert peaks[1] < 700
    assert peaks[1] <= 1.1 * peaks[0]


#: Runs a program to its end and prints how many kilobytes it held at most; it starts no others.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_a_segment_is_called_by_its_index_in_a_partial_plan(tmp_path: Path) -> None:
    """The plan holds the last segment only, so its index is not its position."""
    clip = film_of_eileen(tmp_path / "clip.mp4", 24, rate=2)
    folder = tmp_path / "segments"
    plan = make_plan(probe(clip, ClipLimits()))
    write_plan(plan.model_copy(update={"segments": plan.segments[1:]}), folder)
    matte = ["matte", str(clip), "--segments", str(folder)]
    assert main([*matte, "--only", "1"]) == 0
    assert list_files(folder) == ["00001.mp4", "plan.json"]
    assert main([*matte, "--only", "1", "--check"]) == 0
    assert main([*matte, "--only", "0"]) == 3


SENTENCES = {
    "a photo as the clip": (
        InputRejected(RejectReason.NOT_A_VIDEO, what="picture"),
        "This is a photo",
    ),
    "sound": (
        InputRejected(RejectReason.UNSUPPORTED_CODEC, codec="dts", stream="audio"),
        "codec of the sound",
    ),
    "a kind of background": (
        InputRejected(RejectReason.BAD_BACKGROUND, why=RejectReason.NOT_A_VIDEO),
        "JPEG, PNG, WebP, HEIC",
    ),
    "a large background": (
        InputRejected(RejectReason.BAD_BACKGROUND, why=RejectReason.TOO_LARGE, megapixels=50.0),
        "at most 50 megapixels",
    ),
    "a damaged background": (
        InputRejected(RejectReason.BAD_BACKGROUND, why=RejectReason.CORRUPT),
        "damaged",
    ),
    "a background's sound": (
        InputRejected(
            RejectReason.BAD_BACKGROUND, why=RejectReason.UNSUPPORTED_CODEC, stream="audio"
        ),
        "codec of the sound",
    ),
}


@pytest.mark.parametrize(("error", "words"), SENTENCES.values(), ids=SENTENCES)
def test_a_rejection_says_what_is_wrong(error: InputRejected, words: str) -> None:
    """With the limit, or what is taken."""
    assert words in describe_error(error)


@pytest.mark.parametrize("codec", ["tta", "wavpack"])
def test_sound_that_cannot_be_read_is_named(tmp_path: Path, codec: str) -> None:
    """It is not the picture that is at fault."""
    clip = make_clip(tmp_path / "a.mkv", drawn(3), sound=codec, tone=300)
    ran = overlay("edit", clip, "-o", tmp_path / "r.mp4")
    assert json.loads(ran.stderr.splitlines()[-1])["reason"] == "unsupported_codec"
    assert "codec of the sound" in ran.stderr
