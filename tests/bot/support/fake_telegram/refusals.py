"""What Telegram refuses, and in which words."""

import json
import re
from html import unescape
from io import BytesIO
from typing import Any, NoReturn

from PIL import Image, UnidentifiedImageError

from tests.bot.support.fake_telegram.messages import Button

TEXT, CAPTION, DATA, ANSWER = 4096, 1024, 64, 200  #: characters, and bytes of a button's data
UPLOAD, DOWNLOAD = 50_000_000, 20_000_000  #: bytes
PHOTO, THUMBNAIL, STICKER = 10_000_000, 200_000, 256_000  #: bytes
PHOTO_SIDES, PHOTO_ASPECT = 10_000, 20  #: pixels of both sides, and the longer by the shorter
TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "span", "tg-spoiler", "a"}
TAGS |= {"tg-emoji", "code", "pre", "blockquote"}
TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)((?:\s+[\w-]+(?:=(?:\"[^\"<>]*\"|'[^'<>]*'))?)*)\s*>")


class Refused(Exception):
    """An answer that is not ok."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(status, description)
        self.status, self.description, self.parameters = status, description, parameters


def refuse(why: str, status: int = 400) -> NoReturn:
    """Answer so."""
    start = {400: "Bad Request: ", 403: "Forbidden: ", 409: "Conflict: "}.get(status, "")
    raise Refused(status, start + why)


def check_photo(content: bytes) -> None:
    """The sides of a photo are within 20:1 and 10,000 pixels in sum; what is no picture passes."""
    try:
        with Image.open(BytesIO(content)) as picture:
            sides = picture.size
    except UnidentifiedImageError:
        return
    if sum(sides) > PHOTO_SIDES or max(sides) > PHOTO_ASPECT * min(sides):
        refuse("PHOTO_INVALID_DIMENSIONS")


def read_text(text: str, mode: str | None, limit: int) -> str:
    """What people read of *text*."""
    if mode and mode.lower() != "html":
        refuse(f"unsupported parse_mode {mode}")
    plain = _plain(text) if mode else text
    if len(plain.encode("utf-16-le")) // 2 > limit:
        refuse("message is too long" if limit == TEXT else "message caption is too long")
    return plain.strip()


def _plain(html: str) -> str:
    """*html* without its tags."""
    parts, opened, at = [], [], 0
    while at < len(html):
        offset = len(html[:at].encode())
        if html[at] != "<":
            end = html.find("<", at)
            end = len(html) if end < 0 else end
            parts.append(html[at:end])
            at = end
            continue
        tag = TAG.match(html, at)
        if tag is None:
            refuse(f"can't parse entities: Unclosed start tag at byte offset {offset}")
        closing, name = tag[1], tag[2].lower()
        if name not in TAGS:
            refuse(f'can\'t parse entities: Unsupported start tag "{name}" at byte offset {offset}')
        if not closing:
            opened.append(name)
        elif not opened or opened.pop() != name:
            refuse(f"can't parse entities: Unmatched end tag at byte offset {offset}")
        at = tag.end()
    if opened:
        refuse(
            f"can't parse entities: Can't find end tag corresponding to start tag \"{opened[-1]}\""
        )
    return unescape("".join(parts))


def read_buttons(markup: str | dict[str, Any] | None) -> list[list[Button]]:
    """The buttons of an inline keyboard; none of other markup."""
    if not markup:
        return []
    try:
        payload = json.loads(markup) if isinstance(markup, str) else markup
        rows = payload.get("inline_keyboard", [])
    except (ValueError, AttributeError):
        refuse("can't parse reply keyboard markup JSON object")
    if sum(map(len, rows)) > 100 or any(len(row) > 8 for row in rows):
        refuse("reply markup is too long")
    return [[_button(payload) for payload in row] for row in rows if row]


def _button(payload: dict[str, Any]) -> Button:
    actions = [key for key in payload if key not in {"text", "style", "icon_custom_emoji_id"}]
    data, url = payload.get("callback_data", ""), payload.get("url", "")
    if not payload.get("text"):
        refuse("Text buttons are unallowed in the inline keyboard")
    if len(actions) != 1:
        refuse("Text buttons are unallowed in the inline keyboard" if not actions else "too many")
    if "callback_data" in payload and not 1 <= len(data.encode()) <= DATA:
        refuse("BUTTON_DATA_INVALID")
    page = payload.get("web_app", {}).get("url", "")
    if "web_app" in payload and not page.startswith("https://"):
        refuse("BUTTON_URL_INVALID")
    if payload.get("style", "primary") not in {"danger", "success", "primary"}:
        refuse("invalid button style specified")
    return Button(payload["text"], data, url, payload.get("style", ""), page)
