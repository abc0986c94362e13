"""The contract of every backend."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from backends.base import CostIncurred, OverlayBackend
from backends.errors import BackendUnavailable, FailureKind
from tests.backends.support.event_recorder import Heard
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import Plan, find_missing_segments
from video_editing.matting.segments import read_segment

Opened = Callable[..., Awaitable[OverlayBackend]]


def prints(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what changes if a segment is written again."""
    files = (path for path in folder.iterdir() if not path.name.startswith((".", "plan")))
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


async def test_every_segment_is_made(
    open_backend: Opened, clip: Path, plan: Plan, tmp_path: Path, heard: Heard
) -> None:
    """A backend leaves a readable matte for every frame of the clip, and nothing else."""
    backend = await open_backend()
    await backend.make_mattes(clip, plan, tmp_path / "mattes", heard)
    for segment in plan.segments:
        assert len(list(read_segment(plan, segment, tmp_path / "mattes"))) == segment.frames
    assert len(list((tmp_path / "mattes").iterdir())) == len(plan.segments) + 1


async def test_progress_rises_to_the_end(
    open_backend: Opened, clip: Path, plan: Plan, tmp_path: Path, heard: Heard
) -> None:
    """Progress never falls back, and the last report says that all is done."""
    backend = await open_backend()
    await backend.make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert heard.done == sorted(set(heard.done))
    assert heard.done[-1] == plan.frames


async def test_the_cost_is_reported_once(
    open_backend: Opened, clip: Path, plan: Plan, tmp_path: Path, heard: Heard
) -> None:
    """A backend reports its cost once, under its name."""
    backend = await open_backend()
    await backend.make_mattes(clip, plan, tmp_path / "mattes", heard)
    (spent,) = heard.of(CostIncurred)
    assert spent.backend == backend.name
    assert spent.seconds > 0


async def test_bad_input_is_rejected(
    open_backend: Opened, plan: Plan, tmp_path: Path, heard: Heard
) -> None:
    """A file that is no video is the clip's fault, and its reason arrives."""
    backend = await open_backend()
    clip = tmp_path / "clip.mp4"
    clip.write_text("once upon a time")
    with pytest.raises(InputRejected) as caught:
        await backend.make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert caught.value.reason is RejectReason.NOT_A_VIDEO
    assert find_missing_segments(plan, tmp_path / "mattes") == list(plan.segments)


async def test_only_what_is_missing_is_made(
    open_backend: Opened, clip: Path, plan: Plan, tmp_path: Path, heard: Heard
) -> None:
    """Segments that are there stay as they are, and count as done from the start."""
    backend = await open_backend()
    folder = tmp_path / "mattes"
    await backend.make_mattes(clip, plan, folder, Heard())
    lost = plan.segments[3:6]
    for segment in lost:
        (folder / segment.file_name).unlink()
    kept = prints(folder)
    await backend.make_mattes(clip, plan, folder, heard)
    assert kept.items() <= prints(folder).items()
    assert not find_missing_segments(plan, folder)
    assert heard.done[0] >= plan.frames - sum(segment.frames for segment in lost)


async def test_nothing_to_do_costs_nothing(
    open_backend: Opened, clip: Path, plan: Plan, tmp_path: Path, heard: Heard
) -> None:
    """A folder that lacks nothing is answered at once, without a device."""
    backend = await open_backend()
    await backend.make_mattes(clip, plan, tmp_path / "mattes", Heard())
    await backend.make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert heard.done == [plan.frames]
    assert not heard.of(CostIncurred)


async def test_cancelling_stops_it_soon(
    open_backend: Opened, clip: Path, plan: Plan, tmp_path: Path, heard: Heard
) -> None:
    """Two seconds after cancelling, the backend has ended; its complete segments are used."""
    backend, folder = await open_backend(), tmp_path / "mattes"
    work = asyncio.create_task(backend.make_mattes(clip, plan, folder, heard))
    while not (folder.exists() and len(find_missing_segments(plan, folder)) < len(plan.segments)):
        assert not work.done()
        await asyncio.sleep(0.005)
    work.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert time.monotonic() - began < 2
    kept = prints(folder)
    await backend.make_mattes(clip, plan, folder, heard)
    assert kept.items() <= prints(folder).items()
    assert not find_missing_segments(plan, folder)


async def test_a_deadline_is_kept(
    open_backend: Opened, clip: Path, plan: Plan, tmp_path: Path, heard: Heard
) -> None:
    """A backend that exceeds its deadline ends, and the next one can be asked."""
    backend = await open_backend(0.2)
    began = time.monotonic()
    with pytest.raises(BackendUnavailable) as caught:
        await backend.make_mattes(clip, plan, tmp_path / "mattes", heard)
    assert caught.value.kind is FailureKind.TOO_SLOW
    assert caught.value.backend == backend.name
    assert time.monotonic() - began < 5
