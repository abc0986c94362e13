"""Updates on their way to the bot: stored until it confirms them."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout
from yarl import URL

from tests.bot.support.fake_telegram.refusals import refuse

Update = dict[str, Any]
FIRST = 900_000  #: the first update's id


class Updates:
    """The queue, and who fetches from it.

    Attributes:
        proxies: where a public host's requests really go, as behind a platform's router.
        posted: monotonic time, status and update id of each request to a webhook; 0 is no answer.
        pause: seconds before a webhook that failed is tried again.
    """

    def __init__(self) -> None:
        self.proxies: dict[str, str] = {}
        self.posted: list[tuple[float, int, int]] = []
        self.pause = 0.2
        self._pending: dict[int, Update] = {}
        self._again: list[Update] = []  # confirmed ones that are sent once more
        self._next = FIRST
        self._came = asyncio.Event()
        self._poller: object = None
        self._webhook: Update = {}
        self._posting: asyncio.Task[None] | None = None

    def add(self, update: Update) -> int:
        """Queue it, under the next id unless it has one; gives the id."""
        update = {"update_id": self._next} | update
        self._next = max(self._next, update["update_id"]) + 1
        self._pending[update["update_id"]] = update
        self._came.set()
        return int(update["update_id"])

    def waiting(self) -> list[Update]:
        """Those that the bot has not confirmed."""
        return list(self._pending.values())

    async def poll(
        self, offset: int, limit: int, seconds: float, gone: Callable[[], bool]
    ) -> list[Update]:
        """What getUpdates answers; *gone* tells whether the asker is."""
        if self._webhook:
            refuse(
                "can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
                409,
            )
        me = self._poller = object()
        if offset < 0:
            offset = max(self._pending, default=0) + 1 + offset
        for number in [n for n in self._pending if n < offset]:
            del self._pending[number]
        until = time.monotonic() + seconds
        while not self._pending and time.monotonic() < until and not gone():
            self._came.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), min(0.2, until - time.monotonic()))
            if self._poller is not me:
                refuse(
                    "terminated by other getUpdates request; "
                    "make sure that only one bot instance is running",
                    409,
                )
        return list(self._pending.values())[:limit]

    def disturb(self) -> None:
        """Another poller came, and went."""
        self._poller = object()
        self._came.set()

    @property
    def webhook(self) -> Update:
        """As it was set; empty while there is none."""
        return self._webhook

    def hook(self, payload: Update) -> None:
        """Post updates to a webhook from now on, or no more."""
        if payload.get("url") and not payload["url"].startswith("https://"):
            refuse("bad webhook: An HTTPS URL must be provided for webhook")
        if str(payload.get("drop_pending_updates", "")).lower() == "true":
            self._pending.clear()
        self._webhook = payload if payload.get("url") else {}
        if self._webhook and self._posting is None:
            self._posting = asyncio.create_task(self._post())

    async def _post(self) -> None:
        async with ClientSession(timeout=ClientTimeout(10)) as session:
            while True:
                if not self._pending or not self._webhook:
                    self._came.clear()
                    await self._came.wait()
                    continue
                update = next(iter(self._pending.values()))
                if await self.post(session, update) == 200:
                    self._pending.pop(update["update_id"], None)
                else:
                    await asyncio.sleep(self.pause)

    async def post(self, session: ClientSession, update: Update, secret: str | None = None) -> int:
        """Post *update* once, with the right secret or another; gives the status, 0 for none."""
        url = URL(self._webhook["url"])
        if url.host in self.proxies:
            url = URL(self.proxies[url.host]).with_path(url.path)
        secret = self._webhook.get("secret_token", "") if secret is None else secret
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
        status = 0
        with suppress(ClientError, TimeoutError, OSError):
            async with session.post(url, json=update, headers=headers) as answer:
                await answer.read()
                status = answer.status
        self.posted.append((time.monotonic(), status, update["update_id"]))
        return status
