"""What lies in a chat, as its people see it now."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

BOT = 4242  #: the bot's own id
VIDEOS = {"video", "animation", "video_note"}


@dataclass
class Media:
    """A file, as Telegram keeps it.

    Attributes:
        kind: "photo", "video", "video_note", "animation", "document" or "sticker".
        size: bytes, as Telegram says; a test may lie with it.
        seconds: as whoever sent it said.
    """

    file_id: str
    kind: str
    name: str
    mime: str
    content: bytes
    size: int
    width: int = 0
    height: int = 0
    seconds: int = 0
    thumbnail: bytes | None = None
    cover: bytes | None = None

    def as_api(self) -> dict[str, Any]:
        """Its form in the Bot API."""
        payload: dict[str, Any] = {
            "file_id": self.file_id,
            "file_unique_id": f"u{self.file_id[-12:]}",
            "file_size": self.size,
        }
        if self.kind == "video_note":
            return payload | {"length": self.width, "duration": self.seconds}
        if self.kind != "document":
            payload |= {"width": self.width, "height": self.height}
        if self.kind in VIDEOS:
            payload |= {"duration": self.seconds}
        if self.kind == "sticker":
            return payload | {"type": "regular", "is_animated": False, "is_video": True}
        if self.kind != "photo":
            payload |= {"mime_type": self.mime} if self.mime else {}
            payload |= {"file_name": self.name} if self.name else {}
        return payload


@dataclass
class Button:
    """One under a message."""

    text: str
    data: str = ""
    url: str = ""
    style: str = ""
    page: str = ""


@dataclass
class Message:
    """One message as it is now; it changes in place when the bot edits it.

    Attributes:
        sender: id of who wrote it.
        at: monotonic time of its arrival.
        kind: "text", or that of its media.
        text: what people read, without tags; a caption where there is media.
        html: as it was sent.
        edits: how often it was edited.
        versions: times, kinds and texts that it had before.
    """

    id: int
    chat: int
    sender: int
    at: float
    kind: str = "text"
    text: str = ""
    html: str = ""
    buttons: list[list[Button]] = field(default_factory=list)
    media: Media | None = None
    reply_to: int | None = None
    topic: int | None = None
    direct_topic: int | None = None
    album: str | None = None
    edits: int = 0
    edited: float = 0
    deleted: bool = False
    versions: list[tuple[float, str, str]] = field(default_factory=list)

    @property
    def by_bot(self) -> bool:
        """Whether the bot wrote it."""
        return self.sender == BOT

    @property
    def labels(self) -> list[str]:
        """What is written on its buttons."""
        return [button.text for row in self.buttons for button in row]

    @property
    def datas(self) -> list[str]:
        """What its buttons send."""
        return [button.data for row in self.buttons for button in row if button.data]

    @property
    def content(self) -> bytes:
        """The bytes of its media."""
        assert self.media is not None, f"{self.kind} has no media"
        return self.media.content

    def button(self, wanted: str) -> Button:
        """The one that says or sends *wanted*, or else a part of it."""
        every = [button for row in self.buttons for button in row]
        for fits in (
            lambda b: wanted in {b.text, b.data},
            lambda b: wanted.lower() in b.text.lower(),
            lambda b: re.search(wanted, b.data) is not None,
        ):
            for button in every:
                if fits(button):
                    return button
        raise LookupError(f"no button {wanted!r} among {[(b.text, b.data) for b in every]}")

    def has(self, wanted: str) -> bool:
        """Whether there is such a button."""
        try:
            self.button(wanted)
        except LookupError:
            return False
        return True

    def changed(self) -> None:
        """Remember what it was, just before it becomes something else."""
        self.versions.append((self.edited or self.at, self.kind, self.text))
        self.edits += 1
        self.edited = time.monotonic()


@dataclass
class Chat:
    """A private chat or a group.

    Attributes:
        closed: why the bot cannot write here, as Telegram would say it.
        moved: the id of the supergroup that it became.
        direct: it holds the direct messages of a channel, in a topic for each user.
    """

    id: int
    type: str = "private"
    title: str = ""
    closed: str = ""
    moved: int | None = None
    direct: bool = False
    messages: dict[int, Message] = field(default_factory=dict)
    last: int = 0

    def add(self, sender: int, **parts: Any) -> Message:
        """A new message in it."""
        self.last += 1
        message = Message(self.last, self.id, sender, time.monotonic(), **parts)
        self.messages[message.id] = message
        return message

    def shown(self) -> Iterator[Message]:
        """The messages that are there now, in order."""
        return (m for m in list(self.messages.values()) if not m.deleted)

    def as_api(self) -> dict[str, Any]:
        """Its form in the Bot API."""
        named = {"first_name": self.title} if self.type == "private" else {"title": self.title}
        direct = {"is_direct_messages": True} if self.direct else {}
        return {"id": self.id, "type": self.type} | named | direct


def write_transcript(messages: list[Message], folder: Path) -> Path:
    """Write a transcript: transcript.json, and beside it the media that it names."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for message in messages:
        row = asdict(message)
        if message.media:
            suffix = Path(message.media.name).suffix or ".bin"
            row["media"]["content"] = _kept(folder, f"{message.id}{suffix}", message.media.content)
            for name in ("thumbnail", "cover"):
                if picture := getattr(message.media, name):
                    row["media"][name] = _kept(folder, f"{message.id}.{name}.jpg", picture)
        rows.append(row)
    path = folder / "transcript.json"
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=1))
    return path


def _kept(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return name
