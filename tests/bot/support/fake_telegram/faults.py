"""What goes wrong on purpose, and how often is too often."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.bot.support.fake_telegram.calls import Call

SPOKEN = ("send", "edit", "delete", "copy", "forward")


@dataclass
class Fault:
    """One that is waiting for its calls.

    Attributes:
        method: of which calls; "" is any but getUpdates.
        chat: to which chat; None is any.
        when: which calls more exactly.
        times: how many calls it spoils.
        status: what is answered; 0: what would be without the fault.
        description: beside it.
        retry_after: seconds, beside a 429.
        delay: seconds before the call is looked at.
        drop: the connection ends before the call is done, or after.
        garbage: what is answered is no JSON.
        hit: how many calls it spoiled.
    """

    method: str = ""
    chat: int | None = None
    when: Callable[[Call], bool] = lambda _: True
    times: float = 1
    status: int = 0
    description: str = ""
    retry_after: int = 0
    migrate_to: int = 0
    delay: float = 0
    drop: Literal["", "before", "after"] = ""
    garbage: bool = False
    hit: int = 0

    def fits(self, call: Call) -> bool:
        """Whether it spoils *call*."""
        method = call.method == self.method if self.method else call.method != "getUpdates"
        chat = self.chat in {None, call.chat}
        return self.hit < self.times and method and chat and self.when(call)


@dataclass
class Rates:
    """How many messages may be sent; None without a limit.

    Attributes:
        chat: messages, edits and the like, in so many seconds, in one chat.
        total: the same in all.
    """

    chat: tuple[int, float] | None = None
    total: tuple[int, float] | None = None
    _sent_at: dict[int, deque[float]] = field(default_factory=dict)
    _closed: dict[int, float] = field(default_factory=dict)

    def wait(self, call: Call) -> int:
        """Seconds until a message may be sent; 0 for now."""
        if not call.method.startswith(SPOKEN) or call.method == "sendChatAction":
            return 0
        waits = [
            self._wait(key, *rule)
            for key, rule in ((call.chat, self.chat), (0, self.total))
            if rule
        ]
        return max(waits, default=0)

    def _wait(self, key: int, count: int, seconds: float) -> int:
        now = time.monotonic()
        if now < self._closed.get(key, 0):
            return int(self._closed[key] - now) + 1
        sent_at = self._sent_at.setdefault(key, deque())
        while sent_at and sent_at[0] < now - seconds:
            sent_at.popleft()
        if len(sent_at) >= count:
            wait = int(sent_at[0] + seconds - now) + 1
            self._closed[key] = now + wait
            return wait
        sent_at.append(now)
        return 0
