"""Checks which backends are available, and why the others are not."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence

from backends.base import OverlayBackend
from backends.errors import BackendUnavailable, FailureKind
from backends.factory import TOLERATED_AT_STARTUP, create_backend, get_display_name
from settings import Settings

log = logging.getLogger(__name__)

RECHECK_SECONDS = 60  #: between two checks of unavailable services
LOCAL_BACKENDS = ("local-cpu", "local-gpu")  #: backends that are not checked again


class AvailabilityMonitor:
    """Checks the backends that OVERLAY_BACKENDS names.

    Attributes:
        names: of all backends, in the order of the settings.
        available: the backends that can be used, by name.
        unavailable: why each of the others cannot, by name.
    """

    def __init__(
        self,
        settings: Settings,
        program: Sequence[str],
        on_failure: Callable[[BackendUnavailable], None],
    ) -> None:
        """Prepare; nothing is checked yet.

        Args:
            settings: of the whole process.
            program: the command line of video_editing.
            on_failure: receives each failure of a check.
        """
        self.available: dict[str, OverlayBackend] = {}
        self.unavailable: dict[str, BackendUnavailable] = {}
        self._settings = settings
        self._program = program
        self._on_failure = on_failure
        self._setting_names = {get_display_name(name): name for name in settings.backends.members}
        self.names = tuple(self._setting_names)
        self._checking = asyncio.Lock()

    async def check_all(self) -> None:
        """Check all backends."""
        await self._check(self.names)

    async def recheck(self, name: str) -> bool:
        """Check one backend now; return whether it responds.

        A service that does not respond for the moment stays in use, as at the start.
        """
        async with self._checking:
            try:
                backend = await self._create(name, tolerated=())
            except BackendUnavailable as failure:
                if name in self.available and failure.kind in TOLERATED_AT_STARTUP:
                    self._on_failure(failure)
                else:
                    self._mark_unavailable(name, failure)
                return False
            self._mark_available(name, backend)
            return True

    async def recheck_unavailable(self) -> None:
        """Check the unavailable backends; where a check runs already, only wait for it."""
        if self._checking.locked():
            async with self._checking:
                return
        await self._check([*self.unavailable])

    async def watch(self, seconds: float = RECHECK_SECONDS) -> None:
        """Check unavailable services every so many *seconds*, without an end.

        Backends of this machine are left out: a GPU does not appear by itself, and the check of
        one costs work.
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
            backend = await self._create(name, TOLERATED_AT_STARTUP)
        except BackendUnavailable as failure:
            self._mark_unavailable(name, failure)
        else:
            self._mark_available(name, backend)

    async def _create(self, name: str, tolerated: Collection[FailureKind]) -> OverlayBackend:
        setting = self._setting_names[name]
        return await create_backend(setting, self._settings, self._program, tolerated)

    def _mark_available(self, name: str, backend: OverlayBackend) -> None:
        self.available[name] = backend
        if self.unavailable.pop(name, None):
            log.info("available again: %s", name)

    def _mark_unavailable(self, name: str, failure: BackendUnavailable) -> None:
        previous = self.unavailable.get(name)
        if previous is None or previous.kind is not failure.kind:
            log.warning("unavailable: %s", failure)
        self.unavailable[name] = failure
        self._on_failure(failure)
