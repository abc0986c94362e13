"""What every place keeps, whoever it is."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from backends.base import CostIncurred, OverlayBackend
from backends.errors import BackendUnavailable, FailureKind
from tests.backends.support.event_recorder import EventRecorder
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import Plan, find_missing_segments
from video_editing.matting.segments import read_segment

Opened = Callable[..., Awaitable[OverlayBackend]]


def prints(folder: Path) -> dict[str, tuple[int, int]]:
    """What tells whether a segment was written again."""
    files = (path for path in folder.iterdir() if not path.name.startswith((".", "plan")))
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


async def test_every_segment_is_made(
    open_place: Opened, clip: Path, plan: Plan, tmp_path: Path, heard: EventRecorder
) -> None:
    """A place leaves a readable matte for every frame of the clip, and nothing else."""
    place = await open_place()
    await place.make_mattes(clip, plan, tmp_path / "mattes", heard)
    for segment in plan.segments:
        assert len(list(read_segment(plan, segment, tmp_path / "mattes"))) == segment.frames
    assert len(list((tmp_path / "mattes").iterdir())) == len(plan.segments) + 1


async def test_progress_rises_to_the_end(
    open_place: Opened, clip: Path, plan: Plan, tmp_path: Path, heard: EventRecorder
) -> None:
    """Progress never falls back, and the last of it says that all is done."""
    place = await open_place()
    await place.make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert heard.done == sorted(set(heard.done))
    assert heard.done[-1] == plan.frames


async def test_what_it_took_is_told_once(
    open_place: Opened, clip: Path, plan: Plan, tmp_path: Path, heard: EventRecorder
) -> None:
    """A place says once, under its name, for how long its device was ours."""
    place = await open_place()
    await place.make_mattes(clip, plan, tmp_path / "mattes", heard)
    (spent,) = heard.of(CostIncurred)
    assert spent.backend == place.name
    assert spent.seconds > 0


async def test_bad_input_is_rejected(
    open_place: Opened, plan: Plan, tmp_path: Path, heard: EventRecorder
) -> None:
    """A file that is no video is the clip's fault, and its reason arrives."""
    place = await open_place()
    clip = tmp_path / "clip.mp4"
    clip.write_text("once upon a time")
    with pytest.raises(InputRejected) as caught:
        await place.make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert caught.value.reason is RejectReason.NOT_A_VIDEO
    assert find_missing_segments(plan, tmp_path / "mattes") == list(plan.segments)


async def test_only_what_is_missing_is_made(
    open_place: Opened, clip: Path, plan: Plan, tmp_path: Path, heard: EventRecorder
) -> None:
    """Segments that are there stay as they are, and count as done from the start."""
    place = await open_place()
    folder = tmp_path / "mattes"
    await place.make_mattes(clip, plan, folder, EventRecorder())
    lost = plan.segments[3:6]
    for segment in lost:
        (folder / segment.file_name).unlink()
    kept = prints(folder)
    await place.make_mattes(clip, plan, folder, heard)
    assert kept.items() <= prints(folder).items()
    assert not find_missing_segments(plan, folder)
    assert heard.done[0] >= plan.frames - sum(segment.frames for segment in lost)


async def test_nothing_to_do_costs_nothing(
    open_place: Opened, clip: Path, plan: Plan, tmp_path: Path, heard: EventRecorder
) -> None:
    """A folder that lacks nothing is answered at once, without a device."""
    place = await open_place()
    await place.make_mattes(clip, plan, tmp_path / "mattes", EventRecorder())
    await place.make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert heard.done == [plan.frames]
    assert not heard.of(CostIncurred)


async def test_cancelling_stops_it_soon(
    open_place: Opened, clip: Path, plan: Plan, tmp_path: Path, heard: EventRecorder
) -> None:
    """Two seconds after cancelling, the place has ended; what it leaves is whole and is used."""
    place, folder = await open_place(), tmp_path / "mattes"
    work = asyncio.create_task(place.make_mattes(clip, plan, folder, heard))
    while not (folder.exists() and len(find_missing_segments(plan, folder)) < len(plan.segments)):
        assert not work.done()
        await asyncio.sleep(0.005)
    work.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert time.monotonic() - began < 2
    kept = prints(folder)
    await place.make_mattes(clip, plan, folder, heard)
    assert kept.items() <= prints(folder).items()
    assert not find_missing_segments(plan, folder)


async def test_a_deadline_is_kept(
    open_place: Opened, clip: Path, plan: Plan, tmp_path: Path, heard: EventRecorder
) -> None:
    """A place that takes longer than it may is left, and the next can be asked."""
    place = await open_place(0.2)
    began = time.monotonic()
    with pytest.raises(BackendUnavailable) as caught:
        await place.make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert caught.value.kind is FailureKind.TOO_SLOW
    assert caught.value.backend == place.name
    assert time.monotonic() - began < 5
