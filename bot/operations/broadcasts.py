"""Messages of an admin to all users: shown first, then sent slowly, also over restarts."""

import asyncio
import html
import logging
from collections.abc import Callable

from aiogram.exceptions import TelegramBadRequest
from pydantic import BaseModel, ValidationError

from bot.database.repository import KeyValueStore
from bot.database.users import UserRepository
from bot.domain.job_request import Destination
from bot.domain.outcomes import RetryLater
from bot.telegram.messenger import Messenger

log = logging.getLogger(__name__)

BROADCAST_KEY = "broadcast"  #: in the database
SEND_SECONDS = 0.1  #: between two messages; Telegram allows 30 a second, and results go first


class BroadcastInProgress(Exception):
    """Another message is being sent."""


class Broadcast(BaseModel):
    """A message to all users.

    Attributes:
        text: as the admin wrote it.
        is_confirmed: it is being sent.
        last_user: the user who got it last; users get it in the order of their ids.
        sent: how many got it.
        failed: how many cannot be reached.
    """

    text: str
    is_confirmed: bool = False
    last_user: int = 0
    sent: int = 0
    failed: int = 0


class Broadcasts:
    """Sends one message at a time to all users.

    Attributes:
        on_sent: called at the end with how many users got a message, and how many did not.
    """

    def __init__(
        self,
        store: KeyValueStore,
        users: UserRepository,
        messenger: Messenger,
        is_banned: Callable[[int], bool],
        *,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        """Store the collaborators.

        Args:
            store: remembers the message and how far it is.
            users: all users.
            messenger: sends it.
            is_banned: returns whether a user gets nothing.
            send_seconds: between two messages.
        """
        self._store, self._users, self._messenger = store, users, messenger
        self._is_banned, self._send_seconds = is_banned, send_seconds
        self.on_sent: Callable[[int, int], None] = lambda _sent, _failed: None
        self._confirmed = asyncio.Event()

    async def prepare(self, text: str) -> int:
        """Remember a message until it is confirmed; return how many users will get it.

        Raises:
            BroadcastInProgress: another one is being sent.
        """
        if (current := await self._load()) and current.is_confirmed:
            raise BroadcastInProgress
        await self._save(Broadcast(text=text))
        return len(await self._list_recipients(after=0))

    async def confirm(self) -> bool:
        """Begin to send the message; return False if there is none that waits for it."""
        broadcast = await self._load()
        if broadcast is None or broadcast.is_confirmed:
            return False
        await self._save(broadcast.model_copy(update={"is_confirmed": True}))
        self._confirmed.set()
        return True

    async def discard(self) -> None:
        """Forget a message that was not confirmed."""
        if (broadcast := await self._load()) and not broadcast.is_confirmed:
            await self._store.put(BROADCAST_KEY, None)

    async def run(self) -> None:
        """Send each confirmed message, without an end."""
        while True:
            self._confirmed.clear()
            if (broadcast := await self._load()) and broadcast.is_confirmed:
                await self._send_all(broadcast)
            await self._confirmed.wait()

    async def _send_all(self, broadcast: Broadcast) -> None:
        for user in await self._list_recipients(after=broadcast.last_user):
            is_sent = await self._send(user, broadcast.text)
            broadcast.last_user = user
            broadcast.sent += is_sent
            broadcast.failed += not is_sent
            await self._save(broadcast)
            await asyncio.sleep(self._send_seconds)
        await self._store.put(BROADCAST_KEY, None)
        log.info("a message was sent to %s users, %s failed", broadcast.sent, broadcast.failed)
        self.on_sent(broadcast.sent, broadcast.failed)

    async def _send(self, user: int, text: str) -> bool:
        """Send it to one user, however long Telegram wants to wait; return whether it arrived."""
        while True:
            try:
                sent = await self._messenger.send_text(Destination(user), html.escape(text))
            except TelegramBadRequest as err:
                log.error("a message to all is refused: %s", err.message)  # noqa: TRY400 - its trace says nothing
                return False
            if not isinstance(sent, RetryLater):
                return isinstance(sent, int)
            await asyncio.sleep(sent.seconds)

    async def _list_recipients(self, after: int) -> list[int]:
        users = await self._users.list_all()
        return [user for user in users if user > after and not self._is_banned(user)]

    async def _load(self) -> Broadcast | None:
        stored = await self._store.get(BROADCAST_KEY)
        try:
            return None if stored is None else Broadcast.model_validate(stored)
        except ValidationError:
            return None

    async def _save(self, broadcast: Broadcast) -> None:
        await self._store.put(BROADCAST_KEY, broadcast.model_dump(mode="json"))
