"""Outcomes of the steps of a job and of calls to Telegram."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class FailureCode(StrEnum):
    """A failure that only the bot detects; clips and links have codes of their own.

    The comments name the details that belong to a code.
    """

    FILE_TOO_BIG = "too_big_file"  #: the Bot API does not hand it out: size, limit in megabytes
    CLIP_TOO_LONG = "too_long_clip"  #: seconds, limit
    WRONG_KIND = "wrong_kind"  #: a sticker, a voice message, a document that is no video
    TOO_MANY_JOBS = "too_many"  #: one job of the user runs and three wait
    QUEUE_FULL = "queue_full"
    INTAKE_PAUSED = "paused"  #: an admin accepts no new jobs at the moment
    RESULT_TOO_BIG = "result_too_big"  #: the result does not fit Telegram's limit: size, limit
    POISON = "poison"  #: the tools failed three times
    NO_DISK = "no_disk"
    NO_RIGHTS = "no_rights"  #: the chat does not allow the bot to send such a message
    FILE_GONE = "gone_file"  #: Telegram has deleted it
    FILE_REFUSED = "refused_file"  #: Telegram does not deliver it now
    NO_BACKEND = "nobody"  #: no backend was available for a day
    EXPIRED = "old"  #: the card or the result of the button is too old


class _FrozenModel(BaseModel):
    model_config = ConfigDict(frozen=True)


class StepDone(_FrozenModel):
    """The files of the step exist."""

    kind: Literal["done"] = "done"


class ResultRendered(_FrozenModel):
    """The result is in the folder of the job.

    Attributes:
        width: pixels.
        height: pixels.
        seconds: duration of the result.
        renderer: the name of the renderer that made it.
        dollars: the price of the rendering.
    """

    kind: Literal["made"] = "made"
    width: int
    height: int
    seconds: float
    renderer: str
    dollars: float = 0


class Rejected(_FrozenModel):
    """The job fails, and a retry would fail too.

    Attributes:
        fault: a value of FailureCode, of RejectReason (video_editing) or of LinkError (backends).
        details: numbers and names for the text.
    """

    kind: Literal["refused"] = "refused"
    fault: str
    details: dict[str, float | str] = {}


class RetryLater(_FrozenModel):
    """The step or call is retried after a pause.

    Attributes:
        seconds: the length of the pause.
        why: the cause, for the log.
    """

    kind: Literal["later"] = "later"
    seconds: float
    why: str = ""


#: in place of why a job failed, from when an operator cancels it until it has ended
CANCELLED_BY_OPERATOR = "operator"


class JobCancelled(_FrozenModel):
    """The user pressed *Cancel*."""

    kind: Literal["stopped"] = "stopped"


class ChatGone(_FrozenModel):
    """The bot cannot write to the chat: blocked, deactivated, kicked."""

    kind: Literal["gone"] = "gone"


class Delivered(_FrozenModel):
    """The result was sent.

    Attributes:
        message: the id of the message.
        file_id: Telegram's id of the file, with which it is sent again without an upload.
    """

    kind: Literal["delivered"] = "delivered"
    message: int
    file_id: str = ""


Outcome = StepDone | ResultRendered | Rejected | RetryLater | JobCancelled | ChatGone | Delivered
RecordedOutcome = dict[str, Any]  #: an outcome as JSON, as the log of a workflow stores it
_OUTCOME_ADAPTER: TypeAdapter[Outcome] = TypeAdapter(
    Annotated[Outcome, Field(discriminator="kind")]
)


def record_outcome(outcome: Outcome) -> RecordedOutcome:
    """Return *outcome* as a plain dictionary."""
    return outcome.model_dump(mode="json")


def restore_outcome(recorded: RecordedOutcome) -> Outcome:
    """Return the outcome that :func:`record_outcome` made *recorded* of."""
    return _OUTCOME_ADAPTER.validate_python(recorded)


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """The message has its new content."""


@dataclass(frozen=True, slots=True)
class MessageUnchanged:
    """The message had the content before."""


@dataclass(frozen=True, slots=True)
class MessageMissing:
    """The message was deleted or cannot be edited; its content needs a new message."""
