"""The benchmarks measure what their tables name."""

import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.footage import make_footage
from benchmarks.meter import Cost, measure
from benchmarks.speed import (
    OVER_COLOUR,
    PREDECESSOR,
    REMBG,
    TRANSCODE,
    Job,
    Measurement,
    format_report,
    run_job,
)
from tests.support.make_clips import drawn, make_clip
from tests.support.person_clips import film_of_eileen
from video_editing.reading.probe import probe


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second at 25 frames per second, with sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return make_clip(path, drawn(25), rate=25, tone=440)


def test_footage(clip: Path, tmp_path: Path) -> None:
    """Footage has the requested length, 30 frames and one keyframe per second, and sound."""
    make_footage(clip, tmp_path / "film.mp4", 3, (320, 180))
    footage = probe(tmp_path / "film.mp4")
    steps = {(later - earlier) * footage.timebase for earlier, later in pairwise(footage.times)}
    assert (footage.size, len(footage.times), steps) == ((320, 180), 90, {Fraction(1, 30)})
    assert len(footage.keyframes) == 3
    assert footage.audio_stream is not None


def test_transcode(clip: Path, tmp_path: Path) -> None:
    """The plain transcode writes all frames."""
    result = tmp_path / "result.mp4"
    measurement = run_job(Job(TRANSCODE, ("benchmarks.transcode", clip, result), result, 25))
    assert measurement.rate > 0
    assert not result.exists(), "outputs would fill the disk"


def test_missing_frames(clip: Path, tmp_path: Path) -> None:
    """A command that drops frames raises an error instead of a high rate."""
    result = tmp_path / "result.mp4"
    job = Job(TRANSCODE, ("benchmarks.transcode", clip, result), result, 26)
    with pytest.raises(RuntimeError, match="25 frames instead of 26"):
        run_job(job)


def test_failure(tmp_path: Path) -> None:
    """A failed command raises an error with the text of its standard error."""
    with pytest.raises(RuntimeError, match="FileNotFoundError"):
        measure("benchmarks.transcode", tmp_path / "none.mp4", tmp_path / "result.mp4")


def test_process_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The peak memory and the CPU time include child processes."""
    (tmp_path / "child.py").write_text(
        "import time; block = b'1' * 60_000_000; time.sleep(0.5)\n"
        "while time.process_time() < 0.5: pass\n"
    )
    (tmp_path / "parent.py").write_text(
        "import subprocess, sys; block = b'1' * 40_000_000\n"
        "subprocess.run([sys.executable, '-m', 'child'])\n"
        "print('output')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    cost = measure("parent")
    assert 100e6 < cost.peak_bytes < 140e6
    assert cost.cpu_seconds > 0.5
    assert cost.seconds > 1
    assert cost.output == "output\n"


def test_ratios() -> None:
    """A ratio is the median of the ratios within a round, not a ratio of medians."""
    names = TRANSCODE, OVER_COLOUR, PREDECESSOR, REMBG
    rates = (100, 50, 5, 2), (10, 9, 1, 1), (40, 24, 2, 1)  # other load slows two rounds down
    rounds = [
        {name: Measurement(rate, 0.02, 300_000_000) for name, rate in zip(names, row, strict=True)}
        for row in rates
    ]
    lines = format_report(rounds, [Cost(0.9, 1.0, 200_000_000, "")], 60).splitlines()
    assert f"| {OVER_COLOUR} | 24.0 | 0.60 | 10.00 | 24.00 | 20.0 | 300 |" in lines
    assert "| `preview`, from process start | 0.90 s |  |  |  |  | 200 |" in lines


@pytest.mark.slow
def test_command(tmp_path: Path) -> None:
    """One command prints both tables."""
    clip = film_of_eileen(tmp_path / "talk.mp4", 50, side=640, tone=220)
    command = sys.executable, "-m", "benchmarks.speed", clip
    printed = subprocess.run(
        [*command, "--seconds", "1", "--runs", "1", "--long"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert sum(line.startswith("|") for line in printed.splitlines()) == 12 + 4
