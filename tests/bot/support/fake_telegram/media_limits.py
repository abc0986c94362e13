"""Limits of uploaded photos, videos and thumbnails, found by decoding them.

See https://core.telegram.org/bots/api#sending-files, #sendphoto, #sendvideo, #sendvideonote,
#sendanimation.
"""

import json
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any, NamedTuple

import av
from PIL import Image, UnidentifiedImageError

from tests.bot.support.fake_telegram.calls import Call

MEGABYTE = 1_000_000
PHOTO_BYTES, PHOTO_SIDES, PHOTO_ASPECT = 10 * MEGABYTE, 10_000, 20
VIDEO_BYTES = 50 * MEGABYTE
THUMBNAIL_BYTES, THUMBNAIL_SIDE = 200_000, 320
NOTE_SECONDS = 60
KINDS = ("photo", "video", "animation", "video_note")  #: that are decoded; others may be anything


class Upload(NamedTuple):
    """A file that came with a call.

    Attributes:
        kind: as in the names of the parameters.
        content: its bytes.
    """

    kind: str
    content: bytes


def find_wrong_uploads(call: Call) -> Iterator[str]:
    """Yield what in the files of *call* Telegram does not accept."""
    for kind, content in _list_uploads(call):
        match kind:
            case "photo" | "cover":
                found = _find_wrong_photo(content)
            case "thumbnail":
                found = _find_wrong_thumbnail(content)
            case _:
                found = _find_wrong_film(kind, content)
        yield from (f"{call.method}: {kind}: {what}" for what in found)


def _list_uploads(call: Call) -> Iterator[Upload]:
    """Yield the files that are decoded: of parameters, and of the media in them."""
    parameters = call.arguments | {name: f"attach://{name}" for name in call.files}
    yield from _list_parts(call, {name: parameters.get(name) for name in (*KINDS, "thumbnail")})
    yield from _list_parts(call, {"cover": parameters.get("cover")})
    media = parameters.get("media") or []
    media = json.loads(media) if isinstance(media, str) and media[:1] in "[{" else media
    for each in media if isinstance(media, list) else [media]:
        if isinstance(each, dict):
            parts = {each.get("type", ""): each.get("media")}
            parts |= {name: each.get(name) for name in ("thumbnail", "cover")}
            yield from _list_parts(call, parts)


def _list_parts(call: Call, parts: Mapping[str, Any]) -> Iterator[Upload]:
    for kind, value in parts.items():
        file = call.files.get(str(value).removeprefix("attach://"))
        if file is not None and kind in {*KINDS, "thumbnail", "cover"}:
            yield Upload(kind, file[1])


def _find_wrong_photo(content: bytes) -> Iterator[str]:
    try:
        with Image.open(BytesIO(content)) as picture:
            sides = picture.size
    except UnidentifiedImageError:
        yield "no picture"
        return
    if sum(sides) > PHOTO_SIDES or max(sides) > PHOTO_ASPECT * min(sides):
        yield "{} × {} pixels".format(*sides)
    if len(content) > PHOTO_BYTES:
        yield f"{len(content)} bytes"


def _find_wrong_thumbnail(content: bytes) -> Iterator[str]:
    try:
        with Image.open(BytesIO(content)) as picture:
            sides, form = picture.size, picture.format
    except UnidentifiedImageError:
        yield "no picture"
        return
    if form != "JPEG":
        yield f"{form}, not JPEG"
    if max(sides) > THUMBNAIL_SIDE:
        yield "{} × {} pixels".format(*sides)
    if len(content) > THUMBNAIL_BYTES:
        yield f"{len(content)} bytes"


def _find_wrong_film(kind: str, content: bytes) -> Iterator[str]:
    if len(content) > VIDEO_BYTES:
        yield f"{len(content)} bytes"
    try:
        with av.open(BytesIO(content)) as film:
            form, sounds = film.format.name, len(film.streams.audio)
            (picture,) = film.streams.video
            sides, codec = (picture.width, picture.height), picture.codec.name
            seconds = (film.duration or 0) / av.time_base
    except (av.FFmpegError, ValueError):
        yield "no video"
        return
    if "mp4" not in form and (kind != "animation" or form != "gif"):
        yield f"{form}, not MPEG-4"
    if kind == "animation" and sounds:
        yield "it has sound"
    if kind == "video_note" and (sides[0] != sides[1] or seconds > NOTE_SECONDS):
        yield "{} × {} pixels, {:.1f} s".format(*sides, seconds)
    if codec not in {"h264", "gif"}:
        yield f"{codec}, not H.264"
