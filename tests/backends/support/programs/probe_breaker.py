"""A process that asks a backend through its breaker once; a script with the state's folder."""

import asyncio
import sys
from pathlib import Path

from backends.base import OverlayBackend, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.resilience.circuit_breaker import BreakerState, CircuitBreaker
from backends.state_file import JsonStateFile
from video_editing.contract.plan import Plan


class Down(OverlayBackend):
    """Says that it was asked, and fails."""

    name = "backend"

    async def make_mattes(self, _clip: Path, _plan: Plan, _folder: Path, _report: Report) -> None:
        """See the class."""
        raise BackendUnavailable(self.name, FailureKind.UNREACHABLE)


async def main(folder: Path) -> None:
    breaker = CircuitBreaker(
        Down(), JsonStateFile(folder / "rests.json", BreakerState), failure_threshold=2, cooldown=60
    )
    plan = Plan(size=(2, 2), timebase=(1, 30), engine="", model="", every=0, segments=())
    try:
        await breaker.make_mattes(folder, plan, folder, print)
    except BackendUnavailable as failure:
        print(failure.kind)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
