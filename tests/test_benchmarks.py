"""The benchmarks measure what their tables name."""

import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.footage import make_footage
from benchmarks.meter import measure
from benchmarks.speed import (
    OVER_COLOUR,
    OVER_VIDEO,
    TRANSCODE,
    Job,
    Measurement,
    compare,
    run_job,
    summarize,
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
    rates = (100, 50), (10, 9), (40, 24)  # other load slows two rounds down
    names = TRANSCODE, OVER_COLOUR
    rounds = [
        {name: Measurement(rate, 0.02, 300_000_000) for name, rate in zip(names, row, strict=True)}
        for row in rates
    ]
    figures = summarize(rounds)[OVER_COLOUR]
    expected = {"frames_per_second": 24, "of_the_transcode": 0.6, "peak_bytes": 300_000_000}
    assert figures == expected


def test_a_row_that_is_much_slower_than_before_is_a_warning() -> None:
    """A fall of a tenth is noise."""
    before = {OVER_COLOUR: {"of_the_transcode": 1.0}, OVER_VIDEO: {"of_the_transcode": 0.5}}
    now = {OVER_COLOUR: {"of_the_transcode": 0.9}, OVER_VIDEO: {"of_the_transcode": 0.3}}
    first, second = compare(now, before)
    assert first.startswith("ok")
    assert second.startswith("WARNING: slower")
    assert "0.30 of the transcode, 0.50 before" in second


@pytest.mark.slow
def test_command(tmp_path: Path) -> None:
    """One command prints both tables, and compares with the figures that it wrote before."""
    clip = film_of_eileen(tmp_path / "talk.mp4", 50, side=640, tone=220)
    command = sys.executable, "-m", "benchmarks.speed", clip, "--seconds", "1"
    kept = tmp_path / "figures.json"
    printed = subprocess.run(
        [*command, "--long", "--json", kept], check=True, capture_output=True, text=True
    ).stdout
    assert sum(line.startswith("|") for line in printed.splitlines()) == 14 + 4
    again = subprocess.run(
        [*command, "--quick", "--compare", kept], check=True, capture_output=True, text=True
    ).stdout
    assert sum(" of the transcode, " in line for line in again.splitlines()) == 2


@pytest.mark.slow
def test_a_clip_without_a_person_ends_with_a_sentence(tmp_path: Path) -> None:
    """Not with a traceback."""
    clip = make_clip(tmp_path / "clip.mp4", drawn(25), rate=25)
    command = sys.executable, "-m", "benchmarks.speed", clip, "--seconds", "1", "--quick"
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    assert "no person" in found.stderr.lower()
