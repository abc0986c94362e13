"""What somebody was asked for."""

from typing import TypedDict

from aiogram.fsm.state import State, StatesGroup


class Waiting(StatesGroup):
    """The questions that we ask."""

    background = State()  #: for the card of a draft


class Asked(TypedDict, total=False):
    """What we remember of the question.

    Attributes:
        draft: the id of what the background is for.
        album: Telegram's name of the album that began to come as an answer.
    """

    draft: str
    album: str
