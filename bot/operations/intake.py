"""Whose new jobs are accepted: admins pause the intake, drain the queue, and ban users."""

import logging
from collections.abc import Callable

from bot.database.repository import JsonValue, KeyValueStore

log = logging.getLogger(__name__)

INTAKE_KEY = "intake"  #: in the database; True there means paused, DRAINING what it says
BANNED_KEY = "banned"  #: in the database; the ids of users
DRAINING = "draining"


class Intake:
    """Remembers over restarts whether new jobs are accepted, and from whom.

    Attributes:
        is_paused: no new job is accepted; those that were accepted go on.
        is_draining: it is paused, and admins get a message when the last job ends.
        banned: Telegram's ids of users who are ignored.
        on_drained: called when the last job has ended while the queue was drained.
    """

    def __init__(self, store: KeyValueStore) -> None:
        """Accept all jobs until :meth:`load` says otherwise."""
        self.is_paused = self.is_draining = False
        self.banned: frozenset[int] = frozenset()
        self.on_drained: Callable[[], None] = lambda: None
        self._store = store

    async def load(self) -> None:
        """Load what admins chose."""
        stored, banned = await self._store.get(INTAKE_KEY), await self._store.get(BANNED_KEY)
        self.is_draining = stored == DRAINING
        self.is_paused = stored is True or self.is_draining
        if isinstance(banned, list):
            self.banned = frozenset(user for user in banned if isinstance(user, int))

    def accepts(self, user: int) -> bool:
        """Return whether a new job of *user* is accepted."""
        return not self.is_paused and user not in self.banned

    async def set_paused(self, *, is_paused: bool) -> None:
        """Pause the intake, or resume it."""
        await self._store.put(INTAKE_KEY, is_paused)
        self.is_paused, self.is_draining = is_paused, False
        log.info("the intake is %s", "paused" if is_paused else "resumed")

    async def drain(self) -> None:
        """Pause the intake, and tell when the last job has ended."""
        await self._store.put(INTAKE_KEY, DRAINING)
        self.is_paused = self.is_draining = True
        log.info("the queue is drained")

    async def finish_draining(self) -> None:
        """Record that the last job has ended; the intake stays paused."""
        await self.set_paused(is_paused=True)
        self.on_drained()

    async def set_banned(self, user: int, *, is_banned: bool) -> None:
        """Ban a user, or accept the user's jobs again."""
        banned = self.banned | {user} if is_banned else self.banned - {user}
        await self._store.put(BANNED_KEY, list[JsonValue](sorted(banned)))
        self.banned = banned
        log.info("user %s is %s", user, "banned" if is_banned else "not banned any more")
