"""What Telegram's refusals mean: the same few things in many words."""

from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)

from backends.links.download import LinkFault
from bot.domain.outcomes import Fault, Gone, Later, Missing, Refused, Unchanged
from bot.telegram.retry import Doubtful

AWAY_SECONDS = 15  #: after which a Telegram that does not answer is asked again
LOCKED_SECONDS = 300  #: the same where the token is refused, which only the operator can mend

UNCHANGED = ("message is not modified",)
MISSING = (
    "message to edit not found",
    "message can't be edited",
    "message to delete not found",
    "message can't be deleted",
    "message_id_invalid",
    "message identifier is not specified",
    "there is no text in the message to edit",
    "there is no caption in the message to edit",
)
GONE = (
    "chat not found",
    "user not found",
    "user is deactivated",
    "user_is_blocked",
    "peer_id_invalid",
    "input_user_deactivated",
    "group chat was deactivated",
    "bot was kicked",
    "chat_write_forbidden",
    "chat_restricted",
    "not enough rights to send text messages",
    "not enough rights to send photos",
    "not enough rights to send documents",  # other forms are tried as documents first
    "have no rights to send a message",
)
TOO_BIG = ("file is too big", "request entity too large", "file_too_big")
NO_TOPIC = ("message thread not found", "topic_closed", "topic_deleted", "topic_id_invalid")

Meaning = Later | Gone | Refused | Missing | Unchanged


def meaning(err: TelegramAPIError) -> Meaning | None:
    """What *err* means for the one who called; None where the call itself was wrong."""
    match err:
        case TelegramForbiddenError():
            return Gone()
        case TelegramEntityTooLarge():
            return Refused(fault=Fault.RESULT_TOO_BIG)
        case TelegramBadRequest():
            return _meaning(err)
    return later(err)


def later(err: TelegramAPIError) -> Later | None:
    """When to ask again; None where that would change nothing."""
    match err:
        case TelegramRetryAfter():
            return Later(seconds=err.retry_after, why="telegram is busy")
        case TelegramUnauthorizedError() | TelegramNotFound():
            return Later(seconds=LOCKED_SECONDS, why="telegram refuses the token")
        case Doubtful():
            return Later(seconds=AWAY_SECONDS, why="telegram did not answer: it may be done")
        case TelegramNetworkError() | TelegramServerError():
            return Later(seconds=AWAY_SECONDS, why="telegram is away")
    return None


def no_topic(err: TelegramBadRequest) -> bool:
    """Whether the chat is there and only the topic in it is not."""
    return _says(err, NO_TOPIC)


def _meaning(err: TelegramBadRequest) -> Meaning | None:
    if _says(err, UNCHANGED):
        return Unchanged()
    if _says(err, MISSING):
        return Missing()
    if _says(err, GONE):
        return Gone()
    if _says(err, TOO_BIG):
        return Refused(fault=Fault.RESULT_TOO_BIG)
    return None


def _says(err: TelegramBadRequest, words: tuple[str, ...]) -> bool:
    text = err.message.lower()
    return any(word in text for word in words)


class Unfetched(Exception):  # noqa: N818 - it says what happened, not that something broke
    """The file cannot be had, and asking again is pointless.

    Attributes:
        fault: why; the text for people hangs on it.
        details: numbers that the text may mention.
    """

    def __init__(self, fault: Fault | LinkFault, **details: float | str) -> None:
        super().__init__(fault.value, details)
        self.fault = fault
        self.details = details


class TelegramAway(Exception):  # noqa: N818
    """Telegram does not hand the file out now, and may in some time.

    Attributes:
        seconds: after which to ask again.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Passing(Exception):  # noqa: N818
    """It may go well at the next attempt.

    Attributes:
        final: what is raised when there is no next one.
    """

    def __init__(self, final: Unfetched | TelegramAway) -> None:
        super().__init__(repr(final))
        self.final = final
