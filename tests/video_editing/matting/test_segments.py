"""Mattes on disk: bit by bit what was written, whole or not there, and nobody else's."""

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
    """In three segments."""
    return make_plan(clip, segment_seconds=Fraction(1, 4))


def noise(clip: Clip, size: tuple[int, int] = (55, 97)) -> Iterator[Timed[Matte]]:
    """A matte for each frame of the clip, of odd sides, no two alike."""
    random = np.random.default_rng(6)
    for time in clip.times:
        yield Timed(time, random.integers(0, 256, size, np.uint8))


def kept(clip: Clip, plan: Plan, folder: Path) -> None:
    write_plan(plan, folder)
    mattes = noise(clip)
    for segment in plan.segments:
        write_segment(plan, segment, islice(mattes, segment.frames), folder)


def test_mattes_come_back_bit_by_bit(clip: Clip, plan: Plan, tmp_path: Path) -> None:
    """Each level from 0 to 255, each time, across all segments."""
    kept(clip, plan, tmp_path)
    assert len(plan.segments) == 3
    for read, wrote in zip(read_mattes(clip, tmp_path), noise(clip), strict=True):
        assert read.time == wrote.time
        assert (read.value == wrote.value).all()


def test_segments_are_read_in_any_order(clip: Clip, plan: Plan, tmp_path: Path) -> None:
    """Each has all that it needs in itself."""
    kept(clip, plan, tmp_path)
    last = plan.segments[-1]
    (tmp_path / plan.segments[0].file_name).unlink()
    times = [matte.time for matte in read_segment(plan, last, tmp_path)]
    assert times == [time for time in clip.times if time >= last.start]


def test_neighbours_run_together(plan: Plan) -> None:
    """So that the frames around a border are decoded once."""
    first, second, third = plan.segments
    assert list(group_runs([first, second, third])) == [[first, second, third]]
    assert list(group_runs([first, third])) == [[first], [third]]
    assert not list(group_runs([]))


def refused(plan: Plan, folder: Path) -> RejectReason:
    with pytest.raises(InputRejected) as rejected:
        list(read_segment(plan, plan.segments[1], folder))
    return rejected.value.reason


@pytest.mark.parametrize("length", [0, 1, 50, 0.5, 0.95])
def test_a_segment_that_is_cut_is_a_bad_matte(
    clip: Clip, plan: Plan, tmp_path: Path, length: float
) -> None:
    """Wherever it ends."""
    kept(clip, plan, tmp_path)
    path = tmp_path / plan.segments[1].file_name
    whole = path.stat().st_size
    os.truncate(path, int(length * whole if 0 < length < 1 else length))
    assert refused(plan, tmp_path) is RejectReason.BAD_MATTE


def test_a_segment_of_another_stretch_is_a_bad_matte(
    clip: Clip, plan: Plan, tmp_path: Path
) -> None:
    """It has other times, or another number of mattes; so has no segment at all."""
    kept(clip, plan, tmp_path)
    path = tmp_path / plan.segments[1].file_name
    sparse = list(islice(noise(clip), plan.segments[1].frames - 1))
    shutil.copy(tmp_path / plan.segments[0].file_name, path)
    first = plan.segments[0]
    if first.frames == plan.segments[1].frames:
        with pytest.raises(ValueError, match="mattes for"):
            write_segment(plan, first, sparse, tmp_path)
    else:
        assert refused(plan, tmp_path) is RejectReason.BAD_MATTE
    path.unlink()
    assert refused(plan, tmp_path) is RejectReason.BAD_MATTE


def test_a_segment_is_there_whole_or_not_at_all(clip: Clip, plan: Plan, tmp_path: Path) -> None:
    """What made its mattes may end early, or break."""

    def broken() -> Iterator[Timed[Matte]]:
        yield from islice(noise(clip), 3)
        raise InputRejected(RejectReason.CORRUPT)

    with pytest.raises(InputRejected):
        write_segment(plan, plan.segments[0], broken(), tmp_path)
    with pytest.raises(ValueError, match="3 mattes"):
        write_segment(plan, plan.segments[0], islice(noise(clip), 3), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_gone_is_told(clip: Clip, plan: Plan, tmp_path: Path) -> None:
    """As is one in whose place there is a file."""
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "gone", tmp_path / "file"):
        with pytest.raises(OutputFailed):
            write_segment(
                plan, plan.segments[0], islice(noise(clip), plan.segments[0].frames), folder
            )
