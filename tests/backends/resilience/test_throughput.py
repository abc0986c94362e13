"""How fast places are, as far as anybody knows."""

from pathlib import Path

import pytest

from backends.errors import BackendUnavailable, FailureKind
from backends.resilience.throughput import EngineSpeeds, MeasuredBackend, ThroughputEstimates
from backends.state_file import JsonStateFile
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.scripted_backend import ScriptedBackend
from video_editing.contract.plan import Plan


def estimates_in(folder: Path) -> ThroughputEstimates:
    return ThroughputEstimates(JsonStateFile(folder / "speeds.json", EngineSpeeds))


async def test_a_job_teaches_how_fast_a_place_is(clip: Path, plan: Plan, tmp_path: Path) -> None:
    """Frames a second are counted from the first sign of progress, so a slow start is no matter."""
    place = MeasuredBackend(ScriptedBackend("place", pause=0.15), estimates_in(tmp_path))
    await place.make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    speed = estimates_in(tmp_path).get_speed("place", plan.engine)
    assert speed is not None
    assert 20 < speed <= 15 / 0.15


async def test_what_takes_no_time_teaches_nothing(clip: Path, plan: Plan, tmp_path: Path) -> None:
    """A job of an instant says nothing about speed."""
    place = MeasuredBackend(ScriptedBackend("place"), estimates_in(tmp_path))
    await place.make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    assert estimates_in(tmp_path).get_speed("place", plan.engine) is None


async def test_a_failure_teaches_nothing(clip: Path, plan: Plan, tmp_path: Path) -> None:
    """A place that stopped in the middle is no measure of itself."""
    failing = ScriptedBackend(
        "place", [BackendUnavailable("place", FailureKind.BROKEN)], segments=11, pause=0.15
    )
    with pytest.raises(BackendUnavailable):
        await MeasuredBackend(failing, estimates_in(tmp_path)).make_mattes(
            clip, plan, tmp_path / "mattes", EventRecorder()
        )
    assert estimates_in(tmp_path).get_speed("place", plan.engine) is None


def test_the_last_jobs_count_most(tmp_path: Path) -> None:
    """An estimate follows a place that became slower, within a few jobs; a restart keeps it."""
    for speed in (100, 10, 10, 10, 10):
        estimates_in(tmp_path).record("place", "rembg", speed)
    known = estimates_in(tmp_path).get_speed("place", "rembg")
    assert known is not None
    assert 10 < known < 20


def test_a_processor_is_known_to_be_slow_with_rembg(tmp_path: Path) -> None:
    """Before the first job there is an estimate for the one place that would keep users waiting."""
    estimates = estimates_in(tmp_path)
    assert estimates.get_speed("local-cpu", "rembg") is not None
    assert estimates.get_speed("local-cpu", "mediapipe") is None
    estimates.record("local-cpu", "rembg", 3)
    assert estimates.get_speed("local-cpu", "rembg") == 3
