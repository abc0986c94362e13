"""The chain asks its backends in order."""

from pathlib import Path

import pytest

from backends.base import BackendStarted, CostIncurred, EngineDowngraded, Event, FellBack
from backends.errors import AllBackendsFailed, BackendUnavailable, FailureKind
from backends.resilience.fallback import FallbackChain
from backends.resilience.throughput import EngineSpeeds, ThroughputEstimates
from backends.state_file import JsonStateFile
from tests.backends.support.event_recorder import Heard
from tests.backends.support.scripted_backend import Scripted
from video_editing.contract.errors import InputRejected, OutputFailed, RejectReason
from video_editing.contract.plan import Plan, find_missing_segments, read_plan


@pytest.fixture
def estimates(tmp_path: Path) -> ThroughputEstimates:
    """Estimates without measurements."""
    return ThroughputEstimates(JsonStateFile(tmp_path / "speeds.json", EngineSpeeds))


def down(name: str, why: FailureKind = FailureKind.UNREACHABLE) -> BackendUnavailable:
    return BackendUnavailable(name, why)


async def test_the_next_goes_on_where_the_last_stopped(
    clip: Path, plan: Plan, tmp_path: Path, heard: Heard, estimates: ThroughputEstimates
) -> None:
    """The next backend makes the segments that the last one did not; progress never falls back."""
    first = Scripted("first", [down("first")], segments=5)
    second = Scripted("second")
    chain = FallbackChain([first, second], estimates, deadline=60)
    await chain.make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert first.made == [0, 1, 2, 3, 4]
    assert second.made == [5, 6, 7, 8, 9, 10, 11]
    assert heard.done == sorted(set(heard.done))
    assert heard.done[-1] == plan.frames


async def test_each_change_of_backend_is_reported(
    clip: Path, plan: Plan, tmp_path: Path, heard: Heard, estimates: ThroughputEstimates
) -> None:
    """Each change of backend is reported with its reason, and each backend reports its cost."""
    chain = FallbackChain(
        [Scripted("first", [down("first", FailureKind.BROKEN)]), Scripted("second")],
        estimates,
        deadline=60,
    )
    await chain.make_mattes(clip, plan, tmp_path / "mattes", heard)
    events: list[Event] = [
        e for e in heard.events if isinstance(e, BackendStarted | FellBack | CostIncurred)
    ]
    assert events == [
        BackendStarted("first"),
        CostIncurred("first", 1.0, 0.0),
        FellBack("first", FailureKind.BROKEN),
        BackendStarted("second"),
        CostIncurred("second", 1.0, 0.0),
    ]


@pytest.mark.parametrize("fault", [InputRejected(RejectReason.NO_PERSON), OutputFailed("full")])
async def test_a_failure_of_the_clip_or_the_disk_asks_no_other_backend(
    clip: Path,
    plan: Plan,
    tmp_path: Path,
    heard: Heard,
    estimates: ThroughputEstimates,
    fault: Exception,
) -> None:
    """The failure is raised as it is."""
    second = Scripted("second")
    chain = FallbackChain([Scripted("first", [fault]), second], estimates, deadline=60)
    with pytest.raises(type(fault)):
        await chain.make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert second.asked == []


async def test_a_bug_surfaces(
    clip: Path, plan: Plan, tmp_path: Path, heard: Heard, estimates: ThroughputEstimates
) -> None:
    """An unknown exception is not taken for an unavailable backend."""
    chain = FallbackChain(
        [Scripted("first", [KeyError("a bug")]), Scripted("second")], estimates, deadline=60
    )
    with pytest.raises(KeyError):
        await chain.make_mattes(clip, plan, tmp_path / "mattes", heard)


async def test_all_failures_are_kept_when_no_backend_is_left(
    clip: Path, plan: Plan, tmp_path: Path, heard: Heard, estimates: ThroughputEstimates
) -> None:
    """The group holds each backend's failure, and is itself a backend's failure, so chains nest."""
    failures = [down("first", FailureKind.BUSY), down("second", FailureKind.NO_MEMORY)]
    chain = FallbackChain(
        [Scripted("first", failures[:1]), Scripted("second", failures[1:])], estimates, deadline=60
    )
    last = Scripted("last")
    with pytest.raises(AllBackendsFailed) as caught:
        await chain.make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert caught.value.exceptions == tuple(failures)
    assert caught.value.kind is FailureKind.ALL_FAILED
    nested = FallbackChain([Scripted("first", [caught.value]), last], estimates, deadline=60)
    await nested.make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert last.asked == [plan]


async def test_a_slow_backend_uses_the_fast_engine(
    clip: Path, plan: Plan, tmp_path: Path, heard: Heard, estimates: ThroughputEstimates
) -> None:
    """If the rembg engine would be too late, the mediapipe engine continues, and is reported."""
    estimates.record("second", "rembg", 1.0)
    fine = plan.model_copy(update={"engine": "rembg"})
    first = Scripted("first", [down("first")], segments=6)
    second = Scripted("second")
    chain = FallbackChain([first, second], estimates, deadline=plan.frames / 4)
    await chain.make_mattes(clip, fine, tmp_path / "mattes", heard)
    assert [asked.engine for asked in first.asked + second.asked] == ["rembg", "mediapipe"]
    assert heard.of(EngineDowngraded) == [EngineDowngraded("second", "mediapipe")]
    assert read_plan(tmp_path / "mattes").engine == "mediapipe"
    assert not find_missing_segments(plan, tmp_path / "mattes")


async def test_only_what_is_missing_counts_as_late(
    clip: Path, plan: Plan, tmp_path: Path, heard: Heard, estimates: ThroughputEstimates
) -> None:
    """A slow backend may finish the last segments with the requested engine."""
    estimates.record("second", "rembg", 1.0)
    fine = plan.model_copy(update={"engine": "rembg"})
    second = Scripted("second")
    chain = FallbackChain(
        [Scripted("first", [down("first")], segments=10), second],
        estimates,
        deadline=plan.frames / 4,
    )
    await chain.make_mattes(clip, fine, tmp_path / "mattes", heard)
    assert [asked.engine for asked in second.asked] == ["rembg"]
    assert not heard.of(EngineDowngraded)


async def test_a_backend_of_unknown_speed_keeps_the_engine(
    clip: Path, plan: Plan, tmp_path: Path, heard: Heard, estimates: ThroughputEstimates
) -> None:
    """Without an estimate the requested engine is used."""
    fine = plan.model_copy(update={"engine": "rembg"})
    backend = Scripted("unknown")
    chain = FallbackChain([backend], estimates, deadline=0.001)
    await chain.make_mattes(clip, fine, tmp_path / "mattes", heard)
    assert [asked.engine for asked in backend.asked] == ["rembg"]
