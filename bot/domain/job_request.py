"""What a user asks for, and where the answer goes."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from bot.domain.appearance import Appearance
from bot.domain.media_source import MediaSource
from video_editing.contract.formats import OutputFormat


class JobRequest(BaseModel):
    """All that is needed to make a result.

    Attributes:
        clip: the video of the person.
        look: the appearance of the person and the background.
        form: the format of the result.
        mattes: the id of the job whose mattes are used if they are still kept.
    """

    model_config = ConfigDict(frozen=True)

    clip: MediaSource
    look: Appearance
    form: OutputFormat = OutputFormat.VIDEO
    mattes: str | None = None


class Language(StrEnum):
    """A language of the bot, by its code in Telegram."""

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


#: codes of languages whose speakers mostly read Russian better than English
RUSSIAN_READER_CODES = frozenset({"ru", "be", "kk", "ky", "tg", "uk", "uz"})


def detect_language(code: str | None) -> Language:
    """Return the language for a user whose Telegram has *code*, like "pt-BR" or None."""
    return (
        Language.RU if (code or "").split("-")[0].lower() in RUSSIAN_READER_CODES else Language.EN
    )
