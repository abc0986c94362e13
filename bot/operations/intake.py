"""Whether new jobs are accepted: admins pause the intake, and resume it."""

import logging

from bot.database.repository import KeyValueStore

log = logging.getLogger(__name__)

INTAKE_KEY = "intake"  #: in the database; True there means paused


class Intake:
    """Remembers over restarts whether new jobs are accepted.

    Attributes:
        is_paused: no new job is accepted; those that were accepted go on.
    """

    def __init__(self, store: KeyValueStore) -> None:
        """Accept jobs until :meth:`load` says otherwise."""
        self.is_paused = False
        self._store = store

    async def load(self) -> None:
        """Load what admins chose."""
        self.is_paused = await self._store.get(INTAKE_KEY) is True

    async def set_paused(self, *, is_paused: bool) -> None:
        """Pause the intake, or resume it."""
        await self._store.put(INTAKE_KEY, is_paused)
        self.is_paused = is_paused
        log.info("the intake is %s", "paused" if is_paused else "resumed")
