"""All that a job needs to be made, and made again from nothing."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from bot.domain.appearance import Appearance
from bot.domain.media_source import MediaSource
from video_editing.contract.formats import OutputFormat


class JobRequest(BaseModel):
    """What somebody wants.

    Attributes:
        clip: the video of the person.
        look: how she is shown, and over what.
        form: what is sent back.
        mattes: the job whose mattes are used, where they are still there.
    """

    model_config = ConfigDict(frozen=True)

    clip: MediaSource
    look: Appearance
    form: OutputFormat = OutputFormat.VIDEO
    mattes: str | None = None


class Language(StrEnum):
    """One of them, by its code in Telegram."""

    EN = "en"
    RU = "ru"


@dataclass(frozen=True, slots=True)
class Requester:
    """The user who asks for something.

    Attributes:
        user: Telegram's id of the user.
        language: the language of all messages to the user.
    """

    user: int
    language: Language


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a message is sent.

    Attributes:
        chat: Telegram's id of the chat.
        topic: the id of a topic in the chat; None for the chat itself.
        reply_to: the id of the message that is answered; None for no reply.
    """

    chat: int
    topic: int | None = None
    reply_to: int | None = None


#: languages whose speakers mostly read Russian better than English
RUSSIAN_READER_CODES = frozenset({"ru", "be", "kk", "ky", "tg", "uk", "uz"})


def detect_language(code: str | None) -> Language:
    """The one for somebody whose Telegram speaks *code*, like "pt-BR" or None."""
    return (
        Language.RU if (code or "").split("-")[0].lower() in RUSSIAN_READER_CODES else Language.EN
    )
