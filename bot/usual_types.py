"""The types of Telegram that every bot meets, built before an update has to wait for them.

A type shares what was built before it. So the largest comes first, of which most others are made;
in any other order each would get copies of them, a fifth of a second and 3 MB at a time.
"""

from typing import Any

from aiogram.methods import (
    EditMessageCaption,
    EditMessageMedia,
    EditMessageText,
    Response,
    SendMessage,
    SendPhoto,
    SendVideo,
)
from aiogram.types import CallbackQuery, Message, Update
from pydantic import BaseModel

TYPES: tuple[type[BaseModel], ...] = (
    *(Message, CallbackQuery, Update),
    *(SendMessage, SendPhoto, SendVideo, EditMessageText, EditMessageMedia, EditMessageCaption),
)
#: kept here, since nobody else does and they would be built again and again
ANSWERS: tuple[type[Response[Any]], ...] = (
    Response[bool],
    Response[Message],
    Response[Message | bool],
    Response[list[Any]],
)


def build() -> None:
    """Build them, which takes a third of a second."""
    for kind in (*TYPES, *ANSWERS):
        kind.model_rebuild()
