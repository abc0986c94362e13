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

from backends.links.download import LinkError
from bot.domain.outcomes import (
    ChatGone,
    FailureCode,
    MessageMissing,
    MessageUnchanged,
    Rejected,
    RetryLater,
)
from bot.telegram.retry import DeliveryUnknown

UNAVAILABLE_RETRY_SECONDS = 15  #: after which a Telegram that does not answer is asked again
UNAUTHORIZED_RETRY_SECONDS = (
    300  #: the same where the token is refused, which only the operator can mend
)

UNCHANGED_PHRASES = ("message is not modified",)
MISSING_PHRASES = (
    "message to edit not found",
    "message can't be edited",
    "message to delete not found",
    "message can't be deleted",
    "message_id_invalid",
    "message identifier is not specified",
    "there is no text in the message to edit",
    "there is no caption in the message to edit",
)
GONE_PHRASES = (
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
TOO_BIG_PHRASES = ("file is too big", "request entity too large", "file_too_big")
NO_TOPIC_PHRASES = ("message thread not found", "topic_closed", "topic_deleted", "topic_id_invalid")

ErrorOutcome = RetryLater | ChatGone | Rejected | MessageMissing | MessageUnchanged


def classify_error(err: TelegramAPIError) -> ErrorOutcome | None:
    """What *err* means for the one who called; None where the call itself was wrong."""
    match err:
        case TelegramForbiddenError():
            return ChatGone()
        case TelegramEntityTooLarge():
            return Rejected(fault=FailureCode.RESULT_TOO_BIG)
        case TelegramBadRequest():
            return _classify_bad_request(err)
    return classify_temporary_error(err)


def classify_temporary_error(err: TelegramAPIError) -> RetryLater | None:
    """When to ask again; None where that would change nothing."""
    match err:
        case TelegramRetryAfter():
            return RetryLater(seconds=err.retry_after, why="telegram is busy")
        case TelegramUnauthorizedError() | TelegramNotFound():
            return RetryLater(seconds=UNAUTHORIZED_RETRY_SECONDS, why="telegram refuses the token")
        case DeliveryUnknown():
            return RetryLater(
                seconds=UNAVAILABLE_RETRY_SECONDS, why="telegram did not answer: it may be done"
            )
        case TelegramNetworkError() | TelegramServerError():
            return RetryLater(seconds=UNAVAILABLE_RETRY_SECONDS, why="telegram is away")
    return None


def is_topic_missing(err: TelegramBadRequest) -> bool:
    """Whether the chat is there and only the topic in it is not."""
    return _has_phrase(err, NO_TOPIC_PHRASES)


def _classify_bad_request(err: TelegramBadRequest) -> ErrorOutcome | None:
    if _has_phrase(err, UNCHANGED_PHRASES):
        return MessageUnchanged()
    if _has_phrase(err, MISSING_PHRASES):
        return MessageMissing()
    if _has_phrase(err, GONE_PHRASES):
        return ChatGone()
    if _has_phrase(err, TOO_BIG_PHRASES):
        return Rejected(fault=FailureCode.RESULT_TOO_BIG)
    return None


def _has_phrase(err: TelegramBadRequest, phrases: tuple[str, ...]) -> bool:
    text = err.message.lower()
    return any(word in text for word in phrases)


class DownloadRejected(Exception):
    """The file cannot be had, and asking again is pointless.

    Attributes:
        fault: why; the text for people hangs on it.
        details: numbers that the text may mention.
    """

    def __init__(self, fault: FailureCode | LinkError, **details: float | str) -> None:
        super().__init__(fault.value, details)
        self.fault = fault
        self.details = details


class TelegramUnavailable(Exception):
    """Telegram does not hand the file out now, and may in some time.

    Attributes:
        seconds: after which to ask again.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class TransientDownloadError(Exception):
    """It may go well at the next attempt.

    Attributes:
        final_error: what is raised when there is no next one.
    """

    def __init__(self, final_error: DownloadRejected | TelegramUnavailable) -> None:
        super().__init__(repr(final_error))
        self.final_error = final_error
