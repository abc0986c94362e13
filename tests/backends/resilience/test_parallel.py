"""Workers side by side make the same mattes, sooner."""

import sys
import time
from pathlib import Path

import pytest

from backends.errors import BackendUnavailable, FailureKind
from backends.local.backend import LocalBackend
from backends.resilience.parallel import ParallelBackend, split_plan
from tests.backends.support.event_recorder import Heard
from tests.backends.support.programs import PROGRAMS
from tests.backends.support.running_service import LIMITS, application, client, served
from tests.backends.support.scripted_backend import Scripted
from tests.support.make_clips import drawn, make_clip
from video_editing.contract.plan import Plan, find_missing_segments, make_plan
from video_editing.reading.probe import ClipLimits, probe

TIMED = PROGRAMS / "slow_video_cli.py"
WORKERS = 10
PAUSE = 0.1  #: seconds a frame; U²-Net takes 0.3 on two cores


def test_segments_are_dealt_out_once(plan: Plan) -> None:
    """However many hands there are, each segment goes to one of them, neighbours together."""
    for hands in (1, 2, 5, 12, 50):
        parts = split_plan(plan, plan.segments, hands)
        assert len(parts) <= hands
        assert [s for part in parts for s in part.segments] == list(plan.segments)


async def test_workers_share_a_clip(clip: Path, plan: Plan, tmp_path: Path, heard: Heard) -> None:
    """Each segment is made by one worker, and progress rises to the end."""
    workers = [Scripted(pause=0.02) for _ in range(3)]
    await ParallelBackend(workers).make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert sorted(index for w in workers for index in w.made) == list(range(len(plan.segments)))
    assert all(worker.made for worker in workers)
    assert heard.done == sorted(set(heard.done))
    assert heard.done[-1] == plan.frames
    assert len(list((tmp_path / "mattes").iterdir())) == len(plan.segments) + 1


async def test_one_that_fails_ends_the_others(
    clip: Path, plan: Plan, tmp_path: Path, heard: Heard
) -> None:
    """The failure of one worker is raised; segments that were complete by then stay."""
    failing = Scripted(script=[BackendUnavailable("x", FailureKind.NO_MEMORY)], segments=1)
    backend = ParallelBackend([Scripted(pause=0.05), failing])
    with pytest.raises(BackendUnavailable) as caught:
        await backend.make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert caught.value.kind is FailureKind.NO_MEMORY
    assert len(find_missing_segments(plan, tmp_path / "mattes")) < len(plan.segments)
    assert not list((tmp_path / "mattes").glob(".stretch-*"))


def timed(pause: float) -> LocalBackend:
    """A worker whose child takes *pause* seconds for a frame, and no processor."""
    return LocalBackend(
        "local-gpu", "cpu", LIMITS, program=(sys.executable, str(TIMED), str(pause))
    )


@pytest.mark.slow
async def test_ten_workers_are_ten_times_as_fast(tmp_path: Path, heard: Heard) -> None:
    """Ten workers of the real service do a ten-minute clip at ≥ 0.8 of ten times one's speed.

    One worker's time is that of the timed stand-in without any overhead: frames × its pause. The
    mattes that come through HTTP are bit by bit those of one worker in one piece.
    """
    clip = make_clip(tmp_path / "clip.mp4", drawn(6000), rate=10)
    plan = make_plan(probe(clip, ClipLimits()))
    alone = plan.frames * PAUSE
    backend = ParallelBackend([timed(PAUSE) for _ in range(WORKERS)])
    async with served(application(tmp_path / "service", backend)) as address:
        began = time.monotonic()
        await client(address).make_mattes(clip, plan, tmp_path / "mattes", heard)
        took = time.monotonic() - began
    print(f"{alone:.0f} s alone, {took:.1f} s by ten: {alone / took / WORKERS:.2f} of linear")  # noqa: T201
    assert alone / took >= 0.8 * WORKERS
    await timed(0).make_mattes(clip, plan, tmp_path / "alone", Heard())
    for segment in plan.segments:
        one, ten = tmp_path / "alone" / segment.file_name, tmp_path / "mattes" / segment.file_name
        assert one.read_bytes() == ten.read_bytes()
