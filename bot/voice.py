"""What jobs and cards need to speak to people: Telegram, words and buttons."""

from pathlib import Path
from typing import Protocol

from aiogram.types import InlineKeyboardMarkup

from bot.database.drafts import Draft
from bot.database.ledger import Job
from bot.languages import Language
from bot.outcome import Delivered, Gone, Later, Made, Refused
from bot.telegram.answers import Edited, Missing, Unchanged

Keyboard = InlineKeyboardMarkup | None
Value = str | float
Told = Edited | Unchanged | Missing | Later | Gone


class Voice(Protocol):
    """The part of :class:`bot.telegram.sending.Sending` that is needed."""

    async def text(
        self,
        chat: int,
        text: str,
        *,
        topic: int | None = None,
        reply_to: int | None = None,
        keyboard: Keyboard = None,
        patient: bool = True,
    ) -> int | Later | Gone:
        """Say *text*; the message's id."""
        ...

    async def edit_text(
        self,
        chat: int,
        message: int,
        text: str,
        *,
        keyboard: Keyboard = None,
        patient: bool = True,
    ) -> Told:
        """Have a message of ours say *text*."""
        ...

    async def card(
        self,
        chat: int,
        photo: Path,
        text: str,
        *,
        topic: int | None = None,
        reply_to: int | None = None,
        keyboard: Keyboard = None,
    ) -> int | Later | Gone:
        """Show *photo* with *text* under it; the message's id."""
        ...

    async def redraw(
        self, chat: int, message: int, photo: Path, text: str, *, keyboard: Keyboard = None
    ) -> Told:
        """Put *photo* with *text* under it in the place of what a message shows."""
        ...

    async def result(
        self,
        job: Job,
        made: Made,
        keyboard: Keyboard = None,
        *,
        file: Path,
        thumbnail: Path | None = None,
        caption: str = "",
    ) -> Delivered | Later | Gone | Refused:
        """Deliver what a job made."""
        ...

    async def delete(self, chat: int, message: int) -> Told:
        """Remove a message."""
        ...


class Words(Protocol):
    """The texts."""

    def __call__(self, language: Language, key: str, /, **values: Value) -> str:
        """The text called *key*."""
        ...

    def fault(self, language: Language, fault: str, details: dict[str, Value]) -> str:
        """Why something cannot be done."""
        ...


class Buttons(Protocol):
    """What is under our messages."""

    def cancel(self, job: Job) -> Keyboard:
        """Under the status of a job."""
        ...

    def result(self, job: Job) -> Keyboard:
        """Under its result."""
        ...

    def card(self, draft: Draft) -> Keyboard:
        """Under a card."""
        ...
