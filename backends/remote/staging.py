"""Segments that came from elsewhere: looked at by a child before they get their names."""

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from backends.errors import BackendUnavailable, Why
from backends.local.video_cli import Command
from video_editing.contract.errors import InputRejected, Reason
from video_editing.contract.plan import Plan, keep_plan


class Arrivals:
    """A hidden folder in which segments wait until they were checked.

    Where nobody is in any segment, either nobody is in the clip or the place is broken. One
    segment without anybody is believed once another one shows somebody; until then it waits, and
    if there never is one, another place must have a look.

    Attributes:
        folder: where the segments belong.
    """

    def __init__(self, name: str, command: Command, clip: Path, plan: Plan, folder: Path) -> None:
        self._name, self._command, self._clip = name, command, clip
        self._plan, self.folder = plan, folder
        self._waiting = Path(tempfile.mkdtemp(prefix=".arrivals-", dir=folder))
        keep_plan(plan, self._waiting)
        self._empty: set[int] = set()
        self._somebody = False

    def path(self, index: int) -> Path:
        """Where to put the segment."""
        return self._waiting / self._plan.segments[index].name

    async def take(self, indices: Collection[int]) -> None:
        """Check the segments that were put there, and give them their names.

        Raises:
            BackendUnavailable: one of them is not what it should be.
        """
        if not indices:
            return
        self._empty |= set(indices)
        if await self._anybody(indices):
            self._somebody = True
        if self._somebody:
            for index in sorted(self._empty):
                self.path(index).replace(self.folder / self._plan.segments[index].name)
            self._empty.clear()

    def complete(self) -> None:
        """Say that no more segments come.

        Raises:
            BackendUnavailable: nobody was in any of them.
        """
        if self._empty:
            raise BackendUnavailable(self._name, Why.GARBAGE, "nobody in any segment")

    def close(self) -> None:
        """Remove what was not taken."""
        shutil.rmtree(self._waiting, ignore_errors=True)

    async def _anybody(self, indices: Collection[int]) -> bool:
        only = ",".join(map(str, sorted(indices)))
        where = ("--segments", str(self._waiting.absolute()))
        try:
            await self._command.run(
                *("matte", str(self._clip.absolute()), *where, "--check", "--only", only),
                *("--progress", "json"),
                report=_unheard,
            )
        except InputRejected as err:
            if err.reason is Reason.NO_PERSON:
                return False
            raise BackendUnavailable(self._name, Why.GARBAGE, str(err.details.get("why"))) from err
        return True


@contextmanager
def arrivals(
    name: str, command: Command, clip: Path, plan: Plan, folder: Path
) -> Iterator[Arrivals]:
    """A place for what comes into *folder*, gone when the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    waiting = Arrivals(name, command, clip, plan, folder)
    try:
        yield waiting
    finally:
        waiting.close()


def _unheard(_: object) -> None:
    """A check is quick."""
