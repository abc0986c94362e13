"""A process that calls a backend through its breaker once; run as a script with a state folder."""

import asyncio
import sys
from pathlib import Path

from backends.base import OverlayBackend, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.resilience.circuit_breaker import BreakerState, CircuitBreaker
from backends.state_file import JsonStateFile
from video_editing.contract.plan import Plan


class UnreachableBackend(OverlayBackend):
    """Raises BackendUnavailable on every call."""

    name = "backend"

    async def make_mattes(self, _clip: Path, _plan: Plan, _folder: Path, _report: Report) -> None:
        """Raise BackendUnavailable."""
        raise BackendUnavailable(self.name, FailureKind.UNREACHABLE)


async def main(folder: Path) -> None:
    breaker = CircuitBreaker(
        UnreachableBackend(),
        JsonStateFile(folder / "rests.json", BreakerState),
        failure_threshold=2,
        cooldown=60,
    )
    plan = Plan(size=(2, 2), timebase=(1, 30), engine="", model="", every=0, segments=())
    try:
        await breaker.make_mattes(folder, plan, folder, print)
    except BackendUnavailable as failure:
        print(failure.kind)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
