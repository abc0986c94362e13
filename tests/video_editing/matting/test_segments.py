"""Mattes on disk: exact, complete or absent, and of one clip."""

import os
import shutil
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from tests.support.make_clips import drawn, make_clip
from video_editing.contract.errors import InputRejected, OutputFailed, RejectReason
from video_editing.contract.excerpt import find_span
from video_editing.contract.plan import Plan, make_plan, write_plan
from video_editing.frames import Matte, Timed
from video_editing.matting.segments import group_runs, read_mattes, read_segment, write_segment
from video_editing.reading.probe import Clip, probe


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """20 frames in 90 000 ticks a second, at uneven times."""
    ticks = [3003 * i + i % 3 for i in range(20)]
    path = tmp_path_factory.mktemp("clips") / "clip.ts"
    return probe(make_clip(path, drawn(20), rate=90_000, times=ticks))


@pytest.fixture
def plan(clip: Clip) -> Plan:
    """A plan of three segments."""
    return make_plan(clip, segment_seconds=Fraction(1, 4))


def noise(clip: Clip, size: tuple[int, int] = (55, 97)) -> Iterator[Timed[Matte]]:
    """Yield a different matte, of odd size, for each frame of the clip."""
    random = np.random.default_rng(6)
    for time in clip.times:
        yield Timed(time, random.integers(0, 256, size, np.uint8))


def store(clip: Clip, plan: Plan, folder: Path) -> None:
    """Write all segments of *plan*."""
    write_plan(plan, folder)
    mattes = noise(clip)
    for segment in plan.segments:
        write_segment(plan, segment, islice(mattes, segment.frames), folder)


def test_mattes_come_back_bit_by_bit(clip: Clip, plan: Plan, tmp_path: Path) -> None:
    """Each level from 0 to 255, each time, across all segments."""
    store(clip, plan, tmp_path)
    assert len(plan.segments) == 3
    for read, wrote in zip(read_mattes(clip, tmp_path, find_span(clip)), noise(clip), strict=True):
        assert read.time == wrote.time
        assert (read.value == wrote.value).all()


def test_segments_are_read_in_any_order(clip: Clip, plan: Plan, tmp_path: Path) -> None:
    """Each file is complete in itself."""
    store(clip, plan, tmp_path)
    last = plan.segments[-1]
    (tmp_path / plan.segments[0].file_name).unlink()
    times = [matte.time for matte in read_segment(plan, last, tmp_path)]
    assert times == [time for time in clip.times if time >= last.start]


def test_neighbours_run_together(plan: Plan) -> None:
    """The frames around their border are decoded once."""
    first, second, third = plan.segments
    assert list(group_runs([first, second, third])) == [[first, second, third]]
    assert list(group_runs([first, third])) == [[first], [third]]
    assert not list(group_runs([]))


def reject(plan: Plan, folder: Path) -> RejectReason:
    """Return the reason why the second segment is rejected."""
    with pytest.raises(InputRejected) as rejected:
        list(read_segment(plan, plan.segments[1], folder))
    return rejected.value.reason


@pytest.mark.parametrize("length", [0, 1, 50, 0.5, 0.95])
def test_a_segment_that_is_cut_is_a_bad_matte(
    clip: Clip, plan: Plan, tmp_path: Path, length: float
) -> None:
    """At any length."""
    store(clip, plan, tmp_path)
    path = tmp_path / plan.segments[1].file_name
    size = path.stat().st_size
    os.truncate(path, int(length * size if 0 < length < 1 else length))
    assert reject(plan, tmp_path) is RejectReason.BAD_MATTE


def test_another_segment_is_a_bad_matte(clip: Clip, plan: Plan, tmp_path: Path) -> None:
    """It has other times or another number of mattes; so is a missing one."""
    store(clip, plan, tmp_path)
    path = tmp_path / plan.segments[1].file_name
    sparse = list(islice(noise(clip), plan.segments[1].frames - 1))
    shutil.copy(tmp_path / plan.segments[0].file_name, path)
    first = plan.segments[0]
    if first.frames == plan.segments[1].frames:
        with pytest.raises(ValueError, match="mattes for"):
            write_segment(plan, first, sparse, tmp_path)
    else:
        assert reject(plan, tmp_path) is RejectReason.BAD_MATTE
    path.unlink()
    assert reject(plan, tmp_path) is RejectReason.BAD_MATTE


def test_a_segment_is_complete_or_absent(clip: Clip, plan: Plan, tmp_path: Path) -> None:
    """Its mattes may end early, or raise."""

    def broken() -> Iterator[Timed[Matte]]:
        yield from islice(noise(clip), 3)
        raise InputRejected(RejectReason.CORRUPT)

    with pytest.raises(InputRejected):
        write_segment(plan, plan.segments[0], broken(), tmp_path)
    with pytest.raises(ValueError, match="3 mattes"):
        write_segment(plan, plan.segments[0], islice(noise(clip), 3), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_reported(clip: Clip, plan: Plan, tmp_path: Path) -> None:
    """So is a file of its name."""
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "gone", tmp_path / "file"):
        with pytest.raises(OutputFailed):
            write_segment(
                plan, plan.segments[0], islice(noise(clip), plan.segments[0].frames), folder
            )
