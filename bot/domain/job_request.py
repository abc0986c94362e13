"""All that a job needs to be made, and made again from nothing."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from bot.domain.appearance import Look
from bot.domain.media_source import Source
from video_editing.contract.formats import Form


class Order(BaseModel):
    """What somebody wants.

    Attributes:
        clip: the video of the person.
        look: how she is shown, and over what.
        form: what is sent back.
        mattes: the job whose mattes are used, where they are still there.
    """

    model_config = ConfigDict(frozen=True)

    clip: Source
    look: Look
    form: Form = Form.VIDEO
    mattes: str | None = None


class Language(StrEnum):
    """One of them, by its code in Telegram."""

    EN = "en"
    RU = "ru"


#: languages whose speakers mostly read Russian better than English
RUSSIAN_TOO = frozenset({"ru", "be", "kk", "ky", "tg", "uk", "uz"})


def spoken(code: str | None) -> Language:
    """The one for somebody whose Telegram speaks *code*, like "pt-BR" or None."""
    return Language.RU if (code or "").split("-")[0].lower() in RUSSIAN_TOO else Language.EN
