"""The languages that the bot speaks."""

from enum import StrEnum


class Language(StrEnum):
    """One of them, by its code in Telegram."""

    EN = "en"
    RU = "ru"


#: languages whose speakers mostly read Russian better than English
RUSSIAN_TOO = frozenset({"ru", "be", "kk", "ky", "tg", "uk", "uz"})


def spoken(code: str | None) -> Language:
    """The one for somebody whose Telegram speaks *code*, like "pt-BR" or None."""
    return Language.RU if (code or "").split("-")[0].lower() in RUSSIAN_TOO else Language.EN
