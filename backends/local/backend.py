"""This machine: the command line of video_editing in a child."""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backends.base import OverlayBackend, Report, Spent, forwards
from backends.errors import BackendUnavailable, Why
from backends.local.process import Limits
from backends.local.video_cli import COMMAND, Command
from video_editing.contract.plan import Plan, keep_plan, missing
from video_editing.contract.progress import Progress

TRIAL = (sys.executable, "-m", "backends.local.device_check")
TRIAL_SECONDS = 300  #: in which weights may be fetched, and rembg compiled, once


class LocalBackend(OverlayBackend):
    """A child on this machine's processor or GPU; killing the child costs us nothing."""

    def __init__(
        self,
        name: str,
        device: str,
        limits: Limits,
        *,
        price: float = 0,
        program: Sequence[str] = COMMAND,
    ) -> None:
        """Remember how to start it.

        Args:
            name: as the chain calls this place.
            device: "cpu" or "cuda", never the one where the other was asked for.
            limits: what each child may take.
            price: dollars for a second of it.
            program: what to run in place of the command line.
        """
        self.name = name
        self._device = device
        self._price = price
        self._command = Command(name, limits, program)
        self._trial = Command(name, replace(limits, patience=TRIAL_SECONDS), TRIAL)

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        forward = forwards(report, plan.frames)
        if missing(plan, folder):
            keep_plan(plan, folder)
            await self._run(_arguments(clip, folder), forward)
        if missing(plan, folder):
            raise BackendUnavailable(self.name, Why.GARBAGE, "segments are missing")
        forward(Progress("mattes", plan.frames, plan.frames, 0))

    async def _run(self, arguments: Sequence[str], report: Report) -> None:
        began = time.monotonic()
        try:
            await self._command.run(
                *arguments, "--device", self._device, "--progress", "json", report=report
            )
        finally:
            seconds = time.monotonic() - began
            report(Spent(self.name, seconds, seconds * self._price))

    async def check(self, model: str) -> None:
        """Let a child look at an empty picture, on the device and with *model*.

        Raises:
            BackendUnavailable: it could not, so no job can.
        """
        await self._trial.run(model, self._device, report=_unheard)


def _arguments(clip: Path, folder: Path) -> tuple[str, ...]:
    return "matte", str(clip.absolute()), "--segments", str(folder.absolute())


def _unheard(_: Progress) -> None:
    """A trial has no progress."""
