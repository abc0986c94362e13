"""Translates Telegram's errors into outcomes, and the errors of downloads."""

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

UNAVAILABLE_RETRY_SECONDS = 15  #: to wait after an answer that did not come
#: to wait after the token was refused, which only the operator can change
UNAUTHORIZED_RETRY_SECONDS = 300

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
    "have no rights to send a message",
)
#: what a chat, or a user's privacy, may forbid while texts are allowed
NO_RIGHTS_PHRASES = ("not enough rights to send", "_forbidden")
TOO_BIG_PHRASES = ("file is too big", "request entity too large", "file_too_big")
NO_REPLY_PHRASES = (
    "message to be replied not found",
    "message to reply not found",
    "replied message not found",
    "reply_message_id_invalid",
)
NO_TOPIC_PHRASES = ("message thread not found", "topic_closed", "topic_deleted", "topic_id_invalid")

ErrorOutcome = RetryLater | ChatGone | Rejected | MessageMissing | MessageUnchanged


def classify_error(err: TelegramAPIError) -> ErrorOutcome | None:
    """Return what *err* means for the caller; None where the call itself was wrong."""
    match err:
        case TelegramForbiddenError():
            return ChatGone()
        case TelegramEntityTooLarge():
            return Rejected(fault=FailureCode.RESULT_TOO_BIG)
        case TelegramBadRequest():
            return _classify_bad_request(err)
    return classify_temporary_error(err)


def classify_temporary_error(err: TelegramAPIError) -> RetryLater | None:
    """Return when to call again; None where that would not help."""
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
            return RetryLater(seconds=UNAVAILABLE_RETRY_SECONDS, why="telegram is unavailable")
    return None


def is_topic_missing(err: TelegramBadRequest) -> bool:
    """Return whether the chat exists and only its topic does not."""
    return _has_phrase(err, NO_TOPIC_PHRASES)


def is_reply_impossible(err: TelegramBadRequest) -> bool:
    """Return whether only what is replied to does not exist, or is in another topic."""
    return _has_phrase(err, NO_REPLY_PHRASES)


def _classify_bad_request(err: TelegramBadRequest) -> ErrorOutcome | None:
    if _has_phrase(err, UNCHANGED_PHRASES):
        return MessageUnchanged()
    if _has_phrase(err, MISSING_PHRASES):
        return MessageMissing()
    if _has_phrase(err, GONE_PHRASES):
        return ChatGone()
    if _has_phrase(err, NO_RIGHTS_PHRASES):
        return Rejected(fault=FailureCode.NO_RIGHTS)
    if _has_phrase(err, TOO_BIG_PHRASES):
        return Rejected(fault=FailureCode.RESULT_TOO_BIG)
    return None


def _has_phrase(err: TelegramBadRequest, phrases: tuple[str, ...]) -> bool:
    text = err.message.lower()
    return any(word in text for word in phrases)


class DownloadRejected(Exception):
    """The file cannot be downloaded, and another attempt would not help.

    Attributes:
        fault: the reason, which selects the text for the user.
        details: numbers for that text.
    """

    def __init__(self, fault: FailureCode | LinkError, **details: float | str) -> None:
        super().__init__(fault.value, details)
        self.fault = fault
        self.details = details


class TelegramUnavailable(Exception):
    """Telegram does not deliver the file now, but may later.

    Attributes:
        seconds: to wait before the next attempt.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class TransientDownloadError(Exception):
    """The next attempt at a download may succeed.

    Attributes:
        final_error: what to raise when there is no next attempt.
    """

    def __init__(self, final_error: DownloadRejected | TelegramUnavailable) -> None:
        super().__init__(repr(final_error))
        self.final_error = final_error
