"""What keyboards are made of: labels, buttons, and rows of them."""

from collections.abc import Iterable

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from bot.domain.job_request import Language
from bot.ui.texts import Texts

Button = InlineKeyboardButton
Row = list[Button]


class Labels:
    """The labels of buttons in one language."""

    def __init__(self, texts: Texts, language: Language) -> None:
        """Take the labels from *texts*."""
        self._texts, self._language = texts, language

    def __call__(self, name: str, **values: float | str) -> str:
        """Return the text ``button-NAME``. Raises LookupError: there is none."""
        return self._texts(self._language, f"button-{name}", **values)


def create_button(text: str, data: CallbackData, *, style: str | None = None) -> Button:
    """Create a button that sends *data*."""
    return Button(text=text, callback_data=data.pack(), style=style)


def create_choice(text: str, data: CallbackData, *, is_chosen: bool) -> Button:
    """Create one of several choices; the chosen one has a tick too: older apps show no colours."""
    return create_button(
        f"✓ {text}" if is_chosen else text, data, style="primary" if is_chosen else None
    )


def create_keyboard(*rows: Row) -> InlineKeyboardMarkup:
    """Create a keyboard of those *rows* that are not empty."""
    return InlineKeyboardMarkup(inline_keyboard=[row for row in rows if row])


def split_into_pairs(buttons: Iterable[Button]) -> list[Row]:
    """Return rows of two buttons each."""
    row = list(buttons)
    return [row[i : i + 2] for i in range(0, len(row), 2)]
