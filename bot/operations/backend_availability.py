"""Which places are there, and why the others are not; those may come back."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import NoReturn

from backends.base import OverlayBackend
from backends.errors import BackendUnavailable, Why
from backends.factory import Known, called, found
from bot.operations.alerts import Alarms
from settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 60  #: between two looks at services that were left out
HERE = ("local-cpu", "local-gpu")  #: places that need no look now and then


class Absent(OverlayBackend):
    """A place that was left out; it says why."""

    def __init__(self, failure: BackendUnavailable) -> None:
        self.name = failure.backend
        self._failure = failure

    async def make_mattes(self, *_: object, **__: object) -> NoReturn:
        """See :class:`OverlayBackend`."""
        raise BackendUnavailable(self.name, self._failure.why, self._failure.detail)


class Lookout:
    """Looks at the places that OVERLAY_BACKENDS names.

    Attributes:
        names: what they are called, in the order of the settings.
        there: those that can be asked.
        absent: why each of the others was left out.
    """

    def __init__(
        self, settings: Settings, known: Known, program: Sequence[str], alarms: Alarms | None
    ) -> None:
        """Know them by name; nobody has been looked at yet.

        Args:
            settings: of everything.
            known: how they fared.
            program: what to run in place of the command line.
            alarms: who is told of places that refuse us.
        """
        self.there: dict[str, OverlayBackend] = {}
        self.absent: dict[str, BackendUnavailable] = {}
        self._settings = settings
        self._known = known
        self._program = program
        self._alarms = alarms
        self._named = {called(name): name for name in settings.backends.names}
        self.names = tuple(self._named)
        self._looking = asyncio.Lock()

    async def look(self) -> None:
        """Look at all of them."""
        await self._look(self.names)

    async def look_again(self) -> None:
        """Look at those that were left out; where that is going on already, only wait for it."""
        if self._looking.locked():
            async with self._looking:
                return
        await self._look([*self.absent])

    async def watch(self, seconds: float = LOOK_SECONDS) -> None:
        """Look at services that were left out, every so many *seconds*, without an end.

        A GPU of this machine does not come by itself, and trying for one is work.
        """
        while True:
            await asyncio.sleep(seconds)
            await self._look([name for name in self.absent if self._may_return(name)])

    def _may_return(self, name: str) -> bool:
        return name not in HERE and self.absent[name].why is not Why.NOT_CONFIGURED

    async def _look(self, names: Iterable[str]) -> None:
        async with self._looking, asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(self._look_at(name))

    async def _look_at(self, name: str) -> None:
        try:
            place = await found(self._named[name], self._settings, self._known, self._program)
        except BackendUnavailable as failure:
            self._leave_out(name, failure)
        else:
            self.there[name] = place
            if self.absent.pop(name, None):
                log.info("there again: %s", name)

    def _leave_out(self, name: str, failure: BackendUnavailable) -> None:
        before = self.absent.get(name)
        if before is None or before.why is not failure.why:
            log.warning("left out: %s", failure)
        self.absent[name] = failure
        if self._alarms:
            self._alarms.heard(failure)
