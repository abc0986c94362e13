"""All that the bot asked of Telegram, and when."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Call:
    """One request.

    Attributes:
        at: monotonic time of its arrival.
        method: as in the Bot API; "file" for a download.
        arguments: as they came.
        files: name and bytes of what was uploaded, by its field.
        ended: monotonic time of the answer; 0 while there is none.
        status: of the answer; 0 where the connection was dropped.
        description: what was wrong.
        result: what was answered.
    """

    at: float
    method: str
    arguments: dict[str, Any] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    ended: float = 0
    status: int = 0
    description: str = ""
    result: Any = None

    @property
    def chat(self) -> int:
        """Which chat it is about; 0: none."""
        return int(self.arguments.get("chat_id") or 0)

    @property
    def message(self) -> int:
        """Which message it is about; 0: none."""
        return int(self.arguments.get("message_id") or 0)


class Calls:
    """All calls of the bot."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def began(self, method: str) -> Call:
        """Write down that a request came."""
        call = Call(time.monotonic(), method)
        self._calls.append(call)
        return call

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def of(self, *methods: str, chat: int | None = None, since: float = 0) -> list[Call]:
        """Those of *methods*, or of any, to *chat*, or to any, after *since*."""
        return [
            call
            for call in self
            if (not methods or call.method in methods)
            and (chat is None or call.chat == chat)
            and call.at >= since
        ]

    def telling(self, secret: str) -> list[Call]:
        """Calls with *secret* in their fields or files."""
        return [
            call
            for call in self
            if secret in str(call.arguments)
            or any(secret in n or secret.encode() in c for n, c in call.files.values())
        ]
