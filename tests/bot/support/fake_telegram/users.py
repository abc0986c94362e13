"""People who talk to the bot."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bot.support.fake_telegram.messages import Message

if TYPE_CHECKING:
    from tests.bot.support.fake_telegram.telegram import Telegram

WAIT_SECONDS = 10.0  #: seconds that they wait for an answer
QUERY_SECONDS = 15.0  #: for which a press can be answered


@dataclass
class Press:
    """A button that was pressed.

    Attributes:
        at: monotonic time.
    """

    telegram: "Telegram"
    id: str
    at: float

    async def answered(self, within: float = WAIT_SECONDS) -> str:
        """What the bot says to it; "" where it only stops the button's clock."""
        answers = self.telegram.answers
        payload = await self.telegram.until(lambda: answers.get(self.id), within, "an answer")
        return str(payload.get("text") or "")


class User:
    """One of them, in one chat.

    Attributes:
        last: the id of the message after which `gets` looks.
        busy: seconds between pressing and when the answer comes too late.
    """

    def __init__(
        self, telegram: "Telegram", number: int, language: str, name: str, chat: int
    ) -> None:
        self.telegram, self.id, self.language, self.name = telegram, number, language, name
        self.chat = chat
        self.last = 0
        self.query_seconds = QUERY_SECONDS
        self.clips = 0

    def as_api(self) -> dict[str, Any]:
        """What the Bot API tells of her."""
        payload = {"id": self.id, "is_bot": False, "first_name": self.name}
        return payload | ({"language_code": self.language} if self.language else {})

    # what she does

    async def sends_text(self, text: str, **more: Any) -> Message:
        """A text or a command."""
        return self._sent(text=text, **more)

    async def sends_video(self, clip: Path | bytes, caption: str = "", **more: Any) -> Message:
        """A clip from the gallery."""
        return self._sends("video", clip, caption, **more)

    async def sends_photo(self, picture: Path | bytes, caption: str = "", **more: Any) -> Message:
        """A picture."""
        return self._sends("photo", picture, caption, **more)

    async def sends_note(self, clip: Path | bytes, **more: Any) -> Message:
        """A round video note."""
        return self._sends("video_note", clip, "", **{"width": 384, "height": 384} | more)

    async def sends_animation(self, clip: Path | bytes, caption: str = "", **more: Any) -> Message:
        """A GIF, which is an mp4 without sound."""
        return self._sends("animation", clip, caption, **more)

    async def sends_document(self, file: Path | bytes, caption: str = "", **more: Any) -> Message:
        """A file as it is."""
        return self._sends("document", file, caption, **more)

    async def sends_sticker(self, file: Path | bytes) -> Message:
        """A sticker."""
        return self._sends("sticker", file, "", width=512, height=512)

    async def sends_album(
        self, files: Sequence[Path], caption: str = "", **more: Any
    ) -> list[Message]:
        """Several at once, videos and pictures."""
        album = secrets.token_hex(8)
        return [
            self._sends(
                "photo" if file.suffix in {".jpg", ".png"} else "video",
                file,
                caption if i == 0 else "",
                album=album,
                **more,
            )
            for i, file in enumerate(files)
        ]

    async def sends_raw(self, **payload: Any) -> Message:
        """A message with anything in it, like a voice or a contact."""
        return self._sent(text="", raw=payload)

    async def edits(self, message: Message, text: str) -> None:
        """Change the text of what she sent."""
        message.text = text
        payload = self.telegram.as_api(message) | {"edit_date": int(time.time())}
        self.telegram.push(edited_message=payload)

    async def presses(self, button: str, message: Message) -> Press:
        """Press a button of *message*, by what it says, sends, or by a part of either."""
        return await self.forges(message.button(button).data, message)

    async def forges(self, data: str, message: Message) -> Press:
        """Press a button that need not be there."""
        query = Press(self.telegram, secrets.token_hex(8), time.monotonic())
        self.telegram.queries[query.id] = query.at + self.query_seconds
        payload = {
            "id": query.id,
            "from": self.as_api(),
            "message": self.telegram.as_api(message),
            "chat_instance": str(self.chat),
            "data": data,
        }
        self.telegram.pressed[query.id] = payload
        self.telegram.push(callback_query=payload)
        return query

    async def blocks(self) -> None:
        """Block the bot."""
        self.telegram.chats[self.chat].closed = "bot was blocked by the user"

    # what she sees

    def sees(
        self, kind: str = "", text: str = "", after: Message | int | None = None
    ) -> list[Message]:
        """The bot's messages of that kind, with that text in them, after hers or another."""
        start = self.last if after is None else after if isinstance(after, int) else after.id
        return [
            m
            for m in self.telegram.chats[self.chat].shown()
            if m.by_bot and m.id > start and kind in {"", m.kind} and text in m.text
        ]

    async def gets(
        self,
        kind: str = "",
        text: str = "",
        *,
        after: Message | int | None = None,
        button: str = "",
        within: float = WAIT_SECONDS,
        where: Callable[[Message], object] = lambda _: True,
    ) -> Message:
        """Wait for such a message; the first one."""

        def found() -> Message | None:
            for message in self.sees(kind, text, after):
                if where(message) and (not button or message.has(button)):
                    return message
            return None

        what = f"{kind or 'a message'} {text!r} {button!r} for {self.id}"
        payload = await self.telegram.until(found, within, what)
        assert payload is not None
        return payload

    # how it travels

    def _sends(self, kind: str, content: Path | bytes, caption: str, **more: Any) -> Message:
        name = more.pop("name", None)
        if isinstance(content, Path):
            name = content.name if name is None else name
            content = content.read_bytes()
        parts = {
            key: more.pop(key)
            for key in ("size", "width", "height", "seconds", "mime")
            if key in more
        }
        parts = {"width": 320, "height": 320, "seconds": 2} | parts
        media = self.telegram.keep(kind, content, name or "", **parts)
        return self._sent(kind=kind, text=caption, media=media, **more)

    def _sent(self, *, raw: dict[str, Any] | None = None, **parts: Any) -> Message:
        telegram = self.telegram

        def sent() -> Message:
            message = telegram.chats[self.chat].add(self.id, **parts)
            self.last = message.id
            if not telegram.is_shown_to_bot(message):
                return message
            payload = telegram.as_api(message) | (raw or {})
            telegram.updates.add(
                {"message": {k: v for k, v in payload.items() if v not in ("", None)}}
            )
            return message

        return telegram.soon(sent)
