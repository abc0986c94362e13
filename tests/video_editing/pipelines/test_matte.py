"""The check of stored segments."""

from fractions import Fraction
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest

from tests.support.make_clips import drawn, make_clip
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import Plan, Segment, make_plan, write_plan
from video_editing.frames import Timed
from video_editing.matting.segments import write_segment
from video_editing.pipelines.matte import check_segments
from video_editing.reading.probe import Clip, probe


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """One second of drawings."""
    return probe(make_clip(tmp_path / "c.mp4", drawn(30)))


@pytest.fixture
def plan(clip: Clip) -> Plan:
    """A plan of four segments."""
    plan = make_plan(clip, segment_seconds=Fraction(1, 4))
    assert len(plan.segments) == 4
    return plan


def store(clip: Clip, plan: Plan, segment: Segment, folder: Path) -> None:
    """Write a segment of mattes whose left half is person."""
    matte = np.zeros((48, 80), np.uint8)
    matte[:, :40] = 255
    times = [time for time in clip.times if segment.start <= time < segment.end]
    write_plan(plan, folder)
    write_segment(plan, segment, map(Timed, times, repeat(matte)), folder)


def test_a_part_of_a_plan_is_checked_by_its_indices(clip: Clip, plan: Plan, tmp_path: Path) -> None:
    """Other segments may be missing; an error names the index in the clip, not the position."""
    folder = tmp_path / "mattes"
    store(clip, plan, plan.segments[2], folder)
    check_segments(plan.select([2]), folder)
    with pytest.raises(InputRejected) as rejected:
        check_segments(plan.select([2, 3]), folder)
    assert rejected.value.reason is RejectReason.BAD_MATTE
    assert rejected.value.details["segment"] == 3
