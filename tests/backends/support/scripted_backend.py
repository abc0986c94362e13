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


class ScriptedBackend(OverlayBackend):
    """Raises the exceptions of a script, one per call, and succeeds after the end of the script.

    Attributes:
        plans: the plans of all calls.
        written: the indices of the written segments, in order.
        pause: seconds per segment.
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
        """Store the script.

        Args:
            name: of the backend.
            script: the exceptions that the first calls raise.
            segments: number of segments that a failing call writes first.
            pause: seconds per segment.
            seconds: the deadline of a call.
        """
        self.name = name
        self.plans: list[Plan] = []
        self.written: list[int] = []
        self._script = iter(script)
        self._segments = segments
        self.pause = pause
        self._seconds = seconds

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        self.plans.append(plan)
        forward = make_monotonic(report, plan.frames)
        missing = find_missing_segments(plan, folder)
        if not missing:
            forward(Progress("mattes", plan.frames, plan.frames, 0))
            return
        write_plan(plan, folder)
        try:
            async with asyncio.timeout(self._seconds):
                await self._run_script(clip, plan, missing, folder, forward)
        except TimeoutError as err:
            raise BackendUnavailable(self.name, FailureKind.TOO_SLOW) from err
        finally:
            forward(CostIncurred(self.name, 1.0, 0.0))

    async def _run_script(
        self, clip: Path, plan: Plan, missing: list[Segment], folder: Path, report: Report
    ) -> None:
        reject_text(clip)
        failure = next(self._script, None)
        done = plan.frames - sum(segment.frames for segment in missing)
        report(Progress("mattes", done, plan.frames, 25.0))
        for segment in missing if failure is None else missing[: self._segments]:
            await asyncio.sleep(self.pause)
            write_segment(plan, segment, make_grey_mattes(segment), folder)
            self.written.append(segment.index)
            done += segment.frames
            report(Progress("mattes", done, plan.frames, 25.0))
        if failure is not None:
            report(Progress("mattes", done + 1, plan.frames, 25.0))  # in a lost segment
            raise failure


def reject_text(clip: Path) -> None:
    """Raise InputRejected if *clip* is not an mp4 file."""
    if clip.read_bytes()[4:8] != b"ftyp":
        raise InputRejected(RejectReason.NOT_A_VIDEO)


def make_grey_mattes(segment: Segment) -> Iterator[Timed[Matte]]:
    """Yield a grey matte for each frame of *segment*, one tick apart."""
    for i in range(segment.frames):
        yield Timed(segment.start + i, np.full((48, 80), 200, np.uint8))
