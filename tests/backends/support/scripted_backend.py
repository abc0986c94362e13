"""A backend that follows a script; it needs no model, no child process and no network."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from backends.base import CostIncurred, OverlayBackend, Report, make_monotonic
from backends.errors import BackendUnavailable, FailureKind
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.plan import Plan, Segment, find_missing_segments, write_plan
from video_editing.contract.progress import Progress
from video_editing.frames import Matte, Timed
from video_editing.matting.segments import write_segment


class Scripted(OverlayBackend):
    """Fails as scripted, call by call, and works after the end of the script.

    Attributes:
        asked: the plans that it received.
        made: indices of the segments that it wrote, in order.
    """

    def __init__(
        self,
        name: str = "scripted",
        script: Iterable[Exception] = (),
        *,
        segments: int = 0,
        pause: float = 0,
        seconds: float = 60,
    ) -> None:
        """Set the script.

        Args:
            name: name of the backend.
            script: what each of the first calls raises.
            segments: how many it writes before it raises.
            pause: seconds that each segment takes.
            seconds: the deadline.
        """
        self.name = name
        self.asked: list[Plan] = []
        self.made: list[int] = []
        self._script = iter(script)
        self._segments = segments
        self._pause = pause
        self._seconds = seconds

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        self.asked.append(plan)
        forward = make_monotonic(report, plan.frames)
        lacking = find_missing_segments(plan, folder)
        if not lacking:
            forward(Progress("mattes", plan.frames, plan.frames, 0))
            return
        write_plan(plan, folder)
        try:
            async with asyncio.timeout(self._seconds):
                await self._follow(clip, plan, lacking, folder, forward)
        except TimeoutError as err:
            raise BackendUnavailable(self.name, FailureKind.TOO_SLOW) from err
        finally:
            forward(CostIncurred(self.name, 1.0, 0.0))

    async def _follow(
        self, clip: Path, plan: Plan, lacking: list[Segment], folder: Path, report: Report
    ) -> None:
        refuse_text(clip)
        failure = next(self._script, None)
        done = plan.frames - sum(segment.frames for segment in lacking)
        report(Progress("mattes", done, plan.frames, 25.0))
        for segment in lacking if failure is None else lacking[: self._segments]:
            await asyncio.sleep(self._pause)
            write_segment(plan, segment, grey(segment), folder)
            self.made.append(segment.index)
            done += segment.frames
            report(Progress("mattes", done, plan.frames, 25.0))
        if failure is not None:
            report(Progress("mattes", done + 1, plan.frames, 25.0))  # of a segment that is lost
            raise failure


def refuse_text(clip: Path) -> None:
    """Raise InputRejected if *clip* is not an mp4 file."""
    if clip.read_bytes()[4:8] != b"ftyp":
        raise InputRejected(RejectReason.NOT_A_VIDEO)


def grey(segment: Segment) -> Iterator[Timed[Matte]]:
    """A matte for each frame of *segment*, one tick apart."""
    for i in range(segment.frames):
        yield Timed(segment.start + i, np.full((48, 80), 200, np.uint8))
