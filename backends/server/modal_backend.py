"""The service's place of work at Modal: GPUs in containers of their own, as many as it takes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.base import OverlayBackend, Report, Spent
from backends.errors import BackendUnavailable, Why
from backends.local.video_cli import rejected
from backends.remote.schemas import Failure
from backends.resilience.parallel import Tally, dealt
from video_editing.contract.atomic_file import whole
from video_editing.contract.plan import Plan, keep_plan, missing
from video_editing.contract.progress import Progress

LISTEN_SECONDS = 1


@dataclass(frozen=True)
class Stretch:
    """What one container is asked for.

    Attributes:
        clip: its name in the shared folder of clips.
        plan: with the segments that are wanted.
        key: under which the container tells how many frames are done.
    """

    clip: str
    plan: Plan
    key: str


@dataclass(frozen=True)
class Made:
    """What one container answers.

    Attributes:
        segments: by file name; a few hundred kilobytes each.
        seconds: for which the GPU was ours.
        failure: why segments are lacking.
    """

    segments: dict[str, bytes]
    seconds: float
    failure: Failure | None = None


class ModalWorkers(OverlayBackend):
    """Spreads the segments of a clip over containers."""

    name = "modal"

    def __init__(
        self,
        spread: Callable[[Sequence[Stretch]], AsyncIterator[Made]],
        told: Callable[[str], Awaitable[int]],
        share: Callable[[], Awaitable[None]],
        *,
        containers: int,
    ) -> None:
        """Remember how to reach the containers.

        Args:
            spread: sends stretches out, and yields what was made in any order.
            told: how many frames are done under a key.
            share: makes the clips that were written here visible there.
            containers: how many there may be.
        """
        self._spread, self._told, self._share = spread, told, share
        self._containers = containers

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        keep_plan(plan, folder)
        lacking = missing(plan, folder)
        tally = Tally(plan, lacking, report)
        parts = dealt(plan, lacking, self._containers)
        stretches = [Stretch(clip.name, part, f"{folder.name}/{i}") for i, part in enumerate(parts)]
        await self._share()
        listener = asyncio.create_task(self._listen(stretches, tally))
        try:
            async for made in self._spread(stretches):
                self._take(made, folder, report)
        finally:
            listener.cancel()
            await asyncio.wait([listener])
        tally.complete()

    async def _listen(self, stretches: Sequence[Stretch], tally: Tally) -> None:
        while True:
            for stretch in stretches:
                done = min(await self._told(stretch.key), stretch.plan.frames)
                tally.heard(stretch.plan, Progress("mattes", done, stretch.plan.frames, 0))
            await asyncio.sleep(LISTEN_SECONDS)

    def _take(self, made: Made, folder: Path, report: Report) -> None:
        report(Spent(self.name, made.seconds, 0))
        for name, content in made.segments.items():
            with whole(folder / name) as part:
                part.write_bytes(content)
        if made.failure is None:
            return
        if made.failure.rejected:
            raise rejected(made.failure.reason, made.failure.details)
        raise BackendUnavailable(self.name, Why(made.failure.reason))
