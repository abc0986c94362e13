"""The backend on this machine: the command line of `video_editing` in a child process."""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from backends.base import CostIncurred, OverlayBackend, Report, make_monotonic
from backends.errors import BackendUnavailable, FailureKind
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM, VideoCli
from video_editing.cli.arguments import format_options
from video_editing.contract.engines import ENGINES, EngineOptions
from video_editing.contract.plan import Plan, find_missing_segments, write_plan
from video_editing.contract.progress import Progress, ignore

DEVICE_CHECK = (sys.executable, "-m", "backends.local.device_check")
DEVICE_CHECK_SECONDS = 300  #: enough to download the weights and to compile rembg, once


class LocalBackend(OverlayBackend):
    """Makes mattes on this machine's processor or GPU, in a child process for each job."""

    def __init__(
        self,
        name: str,
        device: Literal["cpu", "cuda"],
        limits: ProcessLimits,
        *,
        price: float = 0,
        weights: Path | None = None,
        program: Sequence[str] = DEFAULT_PROGRAM,
    ) -> None:
        """Configure the child processes.

        Args:
            name: name of this backend.
            device: "cpu" or "cuda"; the child never uses the other one instead.
            limits: limits of each child process.
            price: dollars for a second of it.
            weights: of the rvm engine; None takes the installed ones.
            program: replaces the command line of `video_editing`.
        """
        self.name = name
        self._engine_arguments = format_options(EngineOptions(device=device, weights=weights))
        self._device = device
        self._price = price
        limits = replace(limits, is_memory_hard=device == "cpu")
        self._video_cli = VideoCli(name, limits, program)
        self._device_check = VideoCli(
            name, replace(limits, stall_seconds=DEVICE_CHECK_SECONDS), DEVICE_CHECK
        )

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        forward = make_monotonic(report, plan.frames)
        if find_missing_segments(plan, folder):
            write_plan(plan, folder)
            await self._run_video_cli(_build_arguments(clip, folder), forward)
        if find_missing_segments(plan, folder):
            raise BackendUnavailable(
                self.name, FailureKind.INVALID_RESPONSE, "segments are missing"
            )
        forward(Progress("mattes", plan.frames, plan.frames, 0))

    async def _run_video_cli(self, arguments: Sequence[str], report: Report) -> None:
        began = time.monotonic()
        try:
            await self._video_cli.run(
                *arguments, *self._engine_arguments, "--progress=json", report=report
            )
        finally:
            seconds = time.monotonic() - began
            report(CostIncurred(self.name, seconds, seconds * self._price))

    async def measure_speeds(self) -> dict[str, float]:
        """Measure how many frames a second the engines make here; 0 if one cannot run.

        Raises:
            BackendUnavailable: the measurement failed.
        """
        fields = await self._video_cli.run(
            "speed", *self._engine_arguments, "--progress=json", report=ignore
        )
        return {name: float(fields[name]) for name in ENGINES if name in fields}

    async def check(self, model: str) -> None:
        """Run *model* once on the device, on an empty image.

        Raises:
            BackendUnavailable: it failed, so every job would fail.
        """
        await self._device_check.run(model, self._device, report=ignore)


def _build_arguments(clip: Path, folder: Path) -> tuple[str, ...]:
    return "matte", str(clip.absolute()), "--segments", str(folder.absolute())
