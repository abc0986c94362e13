"""The methods of the Bot API that a bot like ours may call."""

import asyncio
import contextlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.bot.support.fake_telegram.calls import Call
from tests.bot.support.fake_telegram.messages import BOT, Chat, Media, Message
from tests.bot.support.fake_telegram.refusals import (
    ANSWER,
    CAPTION,
    DOWNLOAD,
    PHOTO,
    STICKER,
    TEXT,
    THUMBNAIL,
    Refused,
    check_photo,
    read_buttons,
    read_text,
    refuse,
)
from tests.bot.support.fake_telegram.updates import Updates

ME = {
    "id": BOT,
    "is_bot": True,
    "first_name": "Overlay",
    "username": "overlay_test_bot",
    "can_join_groups": True,
    "can_read_all_group_messages": True,
    "supports_inline_queries": False,
}
#: kind of each sending method, and the field of its file
SENDING = {
    "sendPhoto": ("photo", "photo"),
    "sendVideo": ("video", "video"),
    "sendVideoNote": ("video_note", "video_note"),
    "sendAnimation": ("animation", "animation"),
    "sendDocument": ("document", "document"),
    "sendSticker": ("sticker", "sticker"),
}
MIMES = {
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mov": "video/quicktime",
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".png": "image/png",
}
OLD_QUERY = "query is too old and response timeout expired or query ID is invalid"
ENTITY = re.compile(
    r"(?P<bot_command>^/\w+(?:@\w+)?)|(?P<mention>@\w{4,})|(?P<url>(?:https?|ftp|file)://\S+)"
)
SAME = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)


class Methods:
    """The state that they share."""

    def __init__(self) -> None:
        self.updates = Updates()
        self.chats: dict[int, Chat] = {}
        self.files: dict[str, Media] = {}
        self.local = False  #: a Bot API server of one's own: other limits
        self.me = dict(ME)  #: the bot, as getMe describes it
        self.queries: dict[str, float] = {}  #: until when each may be answered, monotonic
        self.answers: dict[str, dict[str, Any]] = {}  #: of queries
        self.commands: dict[str, Any] = {}  #: by scope and language
        self.actions: list[tuple[float, int, str]] = []
        self.prepared: list[dict[str, Any]] = []  #: messages that users may send on

    async def do(self, call: Call, gone: Callable[[], bool]) -> Any:
        """The result of *call*."""
        if call.method == "getUpdates":
            payload = call.arguments
            return await self.updates.poll(
                int(payload.get("offset") or 0),
                int(payload.get("limit") or 100),
                float(payload.get("timeout") or 0),
                gone,
            )
        if call.method in SENDING:
            return self._send_media(call)
        method = getattr(self, "_" + _snake(call.method), None)
        if method is None:
            refuse("Not Found: method not found", 404)
        return method(call)

    # what a bot is

    def _get_me(self, _: Call) -> Any:
        return self.me

    def _log_out(self, _: Call) -> Any:
        return True

    _close = _log_out

    def _set_my_commands(self, call: Call) -> Any:
        commands = _read(call.arguments.get("commands"), [])
        for command in commands:
            if (
                not 1 <= len(command["command"]) <= 32
                or not 1 <= len(command["description"]) <= 256
            ):
                refuse("BOT_COMMAND_INVALID")
        chat = _read(call.arguments.get("scope"), {}).get("chat_id")
        if chat is not None and chat not in self.chats:
            refuse("chat not found")
        key = f"{chat or ''}/{call.arguments.get('language_code', '')}"
        self.commands[key] = commands
        return True

    def _delete_my_commands(self, _: Call) -> Any:
        return True

    _set_my_description = _set_my_short_description = _set_my_name = _delete_my_commands
    _set_chat_menu_button = _set_message_reaction = _send_message_draft = _delete_my_commands

    def _set_webhook(self, call: Call) -> Any:
        self.updates.hook(call.arguments)
        return True

    def _delete_webhook(self, call: Call) -> Any:
        self.updates.hook({**call.arguments, "url": ""})
        return True

    def _get_webhook_info(self, _: Call) -> Any:
        return {
            "url": self.updates.webhook.get("url", ""),
            "has_custom_certificate": False,
            "pending_update_count": len(self.updates.waiting()),
        }

    # chats

    def _chat(self, call: Call) -> Chat:
        chat = self.chats.get(call.chat)
        if chat is None:
            refuse("chat not found")
        if chat.moved:
            raise Refused(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=chat.moved,
            )
        if chat.closed:
            refuse(chat.closed, 403)
        return chat

    def _get_chat(self, call: Call) -> Any:
        return self._chat(call).as_api() | {"accent_color_id": 0, "max_reaction_count": 11}

    def _get_chat_member(self, call: Call) -> Any:
        self._chat(call)
        user = {"id": int(call.arguments["user_id"]), "is_bot": False, "first_name": "Somebody"}
        return {"status": "member", "user": user}

    def _send_chat_action(self, call: Call) -> Any:
        chat = self._chat(call)
        self.actions.append((time.monotonic(), chat.id, call.arguments.get("action", "")))
        return True

    def _save_prepared_inline_message(self, call: Call) -> Any:
        result = json.loads(call.arguments["result"])
        kind, file_id = next(
            (name.removesuffix("_file_id"), value)
            for name, value in result.items()
            if name.endswith("_file_id")
        )
        media = self.files.get(file_id)
        if media is None or {"mpeg4": "animation"}.get(kind, kind) != media.kind:
            refuse("wrong file identifier/HTTP URL specified")
        self.prepared.append(result)
        return {"id": f"prepared-{len(self.prepared)}", "expiration_date": int(time.time()) + 600}

    # sending

    def _send_message(self, call: Call) -> Any:
        chat = self._chat(call)
        html = call.arguments.get("text", "")
        text = read_text(html, call.arguments.get("parse_mode"), TEXT)
        if not text:
            refuse("message text is empty")
        return self._added(chat, call, kind="text", text=text, html=html)

    def _send_media(self, call: Call) -> Any:
        chat = self._chat(call)
        kind, field = SENDING[call.method]
        html, text = self._caption(call.arguments)
        media = self._media(call, kind, call.arguments.get(field) or field, call.arguments)
        if kind == "sticker" and media.name.endswith(".webm"):  # which belongs to no set
            kind, text, html = "document", "", ""
            media = self.keep(kind, media.content)
        return self._added(chat, call, kind=kind, text=text, html=html, media=media)

    def _caption(self, payload: dict[str, Any]) -> tuple[str, str]:
        html = payload.get("caption") or ""
        return html, read_text(html, payload.get("parse_mode"), CAPTION)

    def _added(self, chat: Chat, call: Call, **parts: Any) -> Any:
        payload = call.arguments
        buttons = read_buttons(payload.get("reply_markup"))
        if chat.id < 0 and any(button.page for row in buttons for button in row):
            refuse("BUTTON_TYPE_INVALID")
        direct_topic = int(payload.get("direct_messages_topic_id") or 0) or None
        if chat.direct is not bool(direct_topic):
            refuse("a topic of direct messages must be specified, and only there")
        reply = _read(payload.get("reply_parameters"), {}) or {}
        answered = reply.get("message_id") or int(payload.get("reply_to_message_id") or 0) or None
        if answered and (answered not in chat.messages or chat.messages[answered].deleted):
            if not reply.get("allow_sending_without_reply"):
                refuse("message to be replied not found")
            answered = None
        message = chat.add(
            BOT,
            buttons=buttons,
            reply_to=answered,
            topic=int(payload.get("message_thread_id") or 0) or None,
            direct_topic=direct_topic,
            **parts,
        )
        return self.as_api(message)

    def _media(self, call: Call, kind: str, value: str, payload: dict[str, Any]) -> Media:
        """The file that *value* names: one that came with the call, or one that is known."""
        name = value.removeprefix("attach://")
        if name not in call.files:
            known = self.files.get(value)
            if known is None:
                refuse("wrong file identifier/HTTP URL specified")
            if known.kind != kind:
                refuse(f"can't use file of type {known.kind} as {kind}")
            return known
        name, content = call.files[name]
        if not content:
            refuse("file must be non-empty")
        limits = {"photo": PHOTO, "sticker": STICKER}
        if len(content) > limits.get(kind, 1 << 40):
            refuse("STICKER_VIDEO_BIG" if kind == "sticker" else "too big for a photo")
        if kind == "photo":
            check_photo(content)
        thumbnail = call.files.get((payload.get("thumbnail") or "").removeprefix("attach://"))
        if thumbnail and len(thumbnail[1]) > THUMBNAIL:
            refuse("file is too big to be a thumbnail")
        cover = call.files.get((payload.get("cover") or "").removeprefix("attach://"))
        side = int(payload.get("length") or 0)
        return self.keep(
            kind,
            content,
            name,
            width=side or int(payload.get("width") or 0),
            height=side or int(payload.get("height") or 0),
            seconds=int(float(payload.get("duration") or 0)),
            thumbnail=thumbnail[1] if thumbnail else None,
            cover=cover[1] if cover else None,
        )

    def keep(
        self, kind: str, content: bytes, name: str = "", size: int | None = None, **parts: Any
    ) -> Media:
        """A file that is there from now on."""
        suffix = "." + name.rpartition(".")[2].lower()
        mime = parts.pop("mime", None)
        media = Media(
            f"{kind}-{secrets.token_urlsafe(24)}",
            kind,
            name,
            MIMES.get(suffix, "application/octet-stream") if mime is None else mime,
            content,
            len(content) if size is None else size,
            **parts,
        )
        self.files[media.file_id] = media
        return media

    # editing

    def _editable(self, call: Call) -> Message:
        chat = self._chat(call)
        message = chat.messages.get(call.message)
        if message is None or message.deleted:
            refuse("message to edit not found")
        if not message.by_bot:
            refuse("message can't be edited")
        return message

    def _edit(self, message: Message, call: Call, **parts: Any) -> Any:
        parts["buttons"] = read_buttons(call.arguments.get("reply_markup"))
        if all(getattr(message, key) == value for key, value in parts.items()):
            refuse(SAME)
        message.changed()
        for key, value in parts.items():
            setattr(message, key, value)
        return self.as_api(message)

    def _edit_message_text(self, call: Call) -> Any:
        message = self._editable(call)
        if message.media:
            refuse("there is no text in the message to edit")
        html = call.arguments.get("text", "")
        text = read_text(html, call.arguments.get("parse_mode"), TEXT)
        if not text:
            refuse("message text is empty")
        return self._edit(message, call, text=text, html=html)

    def _edit_message_caption(self, call: Call) -> Any:
        message = self._editable(call)
        if not message.media:
            refuse("there is no caption in the message to edit")
        html, text = self._caption(call.arguments)
        return self._edit(message, call, text=text, html=html)

    def _edit_message_media(self, call: Call) -> Any:
        message = self._editable(call)
        payload = _read(call.arguments.get("media"), {})
        html, text = self._caption(payload)
        media = self._media(call, payload["type"], payload["media"], payload)
        return self._edit(message, call, kind=media.kind, media=media, text=text, html=html)

    def _edit_message_reply_markup(self, call: Call) -> Any:
        return self._edit(self._editable(call), call)

    def _delete_message(self, call: Call) -> Any:
        message = self._chat(call).messages.get(call.message)
        if message is None or message.deleted:
            refuse("message to delete not found")
        message.deleted = True
        return True

    def _delete_messages(self, call: Call) -> Any:
        chat = self._chat(call)
        for number in _read(call.arguments.get("message_ids"), []):
            if number in chat.messages:
                chat.messages[number].deleted = True
        return True

    # queries

    def _answer_callback_query(self, call: Call) -> Any:
        query = call.arguments.get("callback_query_id", "")
        if time.monotonic() > self.queries.get(query, 0):
            refuse(OLD_QUERY)
        if len(call.arguments.get("text") or "") > ANSWER:
            refuse("MESSAGE_TOO_LONG")
        self.answers.setdefault(query, call.arguments)
        return True

    # files

    def _get_file(self, call: Call) -> Any:
        media = self.files.get(call.arguments.get("file_id", ""))
        if media is None:
            refuse("wrong file_id or the file is temporarily unavailable")
        if media.size > DOWNLOAD and not self.local:
            refuse("file is too big")
        payload = media.as_api()
        return {key: payload[key] for key in ("file_id", "file_unique_id", "file_size")} | {
            "file_path": f"{media.kind}s/{media.file_id}"
        }

    # as the Bot API tells them

    def as_api(self, message: Message) -> dict[str, Any]:
        """What the Bot API tells of *message*."""
        chat = self.chats[message.chat]
        payload: dict[str, Any] = {
            "message_id": message.id,
            "date": int(time.time()),
            "chat": chat.as_api(),
            "from": ME if message.by_bot else self.person(message.sender),
        }
        if message.topic:
            payload |= {"message_thread_id": message.topic, "is_topic_message": True}
        if chat.direct:
            topic = message.direct_topic or message.sender
            payload["direct_messages_topic"] = {"topic_id": topic, "user": self.person(topic)}
        if message.album:
            payload["media_group_id"] = message.album
        answered = chat.messages.get(message.reply_to or 0)
        if answered:
            payload["reply_to_message"] = {**self.as_api(answered), "reply_to_message": None}
        if message.media is None:
            payload["text"] = message.text
        else:
            media = message.media.as_api()
            payload[message.kind] = [media] if message.kind == "photo" else media
            if message.kind == "animation":  # which is also told as a document
                payload["document"] = {
                    key: media[key] for key in media if key not in {"width", "height", "duration"}
                }
            if message.text:
                payload["caption"] = message.text
        if not message.by_bot and (found := list(_entities(message.text))):
            payload["caption_entities" if message.media else "entities"] = found
        if message.buttons:
            rows = [[_told_button(button) for button in row] for row in message.buttons]
            payload["reply_markup"] = {"inline_keyboard": rows}
        return {key: value for key, value in payload.items() if value is not None}

    def person(self, number: int) -> dict[str, Any]:
        """What the Bot API tells of who has the id; told by users as they come."""
        raise NotImplementedError


def _entities(text: str) -> Iterator[dict[str, Any]]:
    """The commands, mentions and links in what somebody wrote."""
    for found in ENTITY.finditer(text):
        offset, length = (
            len(t.encode("utf-16-le")) // 2 for t in (text[: found.start()], found[0])
        )
        yield {"type": found.lastgroup, "offset": offset, "length": length}


def _snake(method: str) -> str:
    """The same name as Python writes it."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", method)


def _told_button(button: Any) -> dict[str, Any]:
    if button.page:
        return {"text": button.text, "web_app": {"url": button.page}}
    action = {"url": button.url} if button.url else {"callback_data": button.data}
    return {"text": button.text} | action


def _read(value: Any, otherwise: Any) -> Any:
    """A JSON value, whether it came as text or not."""
    if value is None or value == "":
        return otherwise
    return json.loads(value) if isinstance(value, str) else value


async def cancelled(task: asyncio.Task[Any] | None) -> None:
    """End *task*, if there is one."""
    if task:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
