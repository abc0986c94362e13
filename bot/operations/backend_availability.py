"""Which places are there, and why the others are not; those may come back."""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from backends.base import OverlayBackend
from backends.errors import BackendUnavailable, FailureKind
from backends.factory import create_backend, get_display_name
from bot.operations.alerts import AdminAlerts
from settings import Settings

log = logging.getLogger(__name__)

RECHECK_SECONDS = 60  #: between two looks at services that were left out
LOCAL_BACKENDS = ("local-cpu", "local-gpu")  #: places that need no look now and then


class AvailabilityMonitor:
    """Looks at the places that OVERLAY_BACKENDS names.

    Attributes:
        names: what they are called, in the order of the settings.
        available: those that can be asked.
        unavailable: why each of the others was left out.
    """

    def __init__(
        self,
        settings: Settings,
        program: Sequence[str],
        alerts: AdminAlerts | None,
    ) -> None:
        """Know them by name; nobody has been looked at yet.

        Args:
            settings: of everything.
            program: what to run in place of the command line.
            alerts: who is told of places that refuse us.
        """
        self.available: dict[str, OverlayBackend] = {}
        self.unavailable: dict[str, BackendUnavailable] = {}
        self._settings = settings
        self._program = program
        self._alerts = alerts
        self._setting_names = {get_display_name(name): name for name in settings.backends.names}
        self.names = tuple(self._setting_names)
        self._checking = asyncio.Lock()

    async def check_all(self) -> None:
        """Look at all of them."""
        await self._check(self.names)

    async def recheck_unavailable(self) -> None:
        """Look at those that were left out; where that is going on already, only wait for it."""
        if self._checking.locked():
            async with self._checking:
                return
        await self._check([*self.unavailable])

    async def watch(self, seconds: float = RECHECK_SECONDS) -> None:
        """Look at services that were left out, every so many *seconds*, without an end.

        A GPU of this machine does not come by itself, and trying for one is work.
        """
        while True:
            await asyncio.sleep(seconds)
            await self._check([name for name in self.unavailable if self._is_recoverable(name)])

    def _is_recoverable(self, name: str) -> bool:
        return (
            name not in LOCAL_BACKENDS
            and self.unavailable[name].kind is not FailureKind.NOT_CONFIGURED
        )

    async def _check(self, names: Iterable[str]) -> None:
        async with self._checking, asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(self._check_backend(name))

    async def _check_backend(self, name: str) -> None:
        try:
            place = await create_backend(self._setting_names[name], self._settings, self._program)
        except BackendUnavailable as failure:
            self._mark_unavailable(name, failure)
        else:
            self.available[name] = place
            if self.unavailable.pop(name, None):
                log.info("there again: %s", name)

    def _mark_unavailable(self, name: str, failure: BackendUnavailable) -> None:
        before = self.unavailable.get(name)
        if before is None or before.kind is not failure.kind:
            log.warning("left out: %s", failure)
        self.unavailable[name] = failure
        if self._alerts:
            self._alerts.handle_failure(failure)
