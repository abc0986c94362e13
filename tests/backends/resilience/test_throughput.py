"""The measured speed of backends."""

from pathlib import Path

import pytest

from backends.errors import BackendUnavailable, FailureKind
from backends.resilience.throughput import EngineSpeeds, MeasuredBackend, ThroughputEstimates
from backends.state_file import JsonStateFile
from tests.backends.support.event_recorder import Heard
from tests.backends.support.scripted_backend import Scripted
from video_editing.contract.plan import Plan


def estimates_in(folder: Path) -> ThroughputEstimates:
    return ThroughputEstimates(JsonStateFile(folder / "speeds.json", EngineSpeeds))


async def test_a_job_is_measured(clip: Path, plan: Plan, tmp_path: Path) -> None:
    """Frames a second are counted from the first sign of progress, so a slow start is no matter."""
    backend = MeasuredBackend(Scripted("backend", pause=0.15), estimates_in(tmp_path))
    await backend.make_mattes(clip, plan, tmp_path / "mattes", Heard())
    speed = estimates_in(tmp_path).get_speed("backend", plan.engine)
    assert speed is not None
    assert 20 < speed <= 15 / 0.15


async def test_a_job_that_takes_no_time_is_not_measured(
    clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """A job that takes no time is not measured."""
    backend = MeasuredBackend(Scripted("backend"), estimates_in(tmp_path))
    await backend.make_mattes(clip, plan, tmp_path / "mattes", Heard())
    assert estimates_in(tmp_path).get_speed("backend", plan.engine) is None


async def test_a_failed_job_is_not_measured(clip: Path, plan: Plan, tmp_path: Path) -> None:
    """A job that failed halfway is not measured."""
    failing = Scripted(
        "backend", [BackendUnavailable("backend", FailureKind.BROKEN)], segments=11, pause=0.15
    )
    with pytest.raises(BackendUnavailable):
        await MeasuredBackend(failing, estimates_in(tmp_path)).make_mattes(
            clip, plan, tmp_path / "mattes", Heard()
        )
    assert estimates_in(tmp_path).get_speed("backend", plan.engine) is None


def test_the_last_jobs_count_most(tmp_path: Path) -> None:
    """An estimate follows a backend that became slower, within a few jobs; a restart keeps it."""
    for speed in (100, 10, 10, 10, 10):
        estimates_in(tmp_path).record("backend", "rembg", speed)
    known = estimates_in(tmp_path).get_speed("backend", "rembg")
    assert known is not None
    assert 10 < known < 20


def test_a_processor_is_known_to_be_slow_with_rembg(tmp_path: Path) -> None:
    """Before the first job there is an estimate for the slowest backend."""
    estimates = estimates_in(tmp_path)
    assert estimates.get_speed("local-cpu", "rembg") is not None
    assert estimates.get_speed("local-cpu", "mediapipe") is None
    estimates.record("local-cpu", "rembg", 3)
    assert estimates.get_speed("local-cpu", "rembg") == 3
