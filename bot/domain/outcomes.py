"""How a step of a job, or a call to Telegram, ended: values, so that a job's log can hold them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict


class FailureCode(StrEnum):
    """What only the bot can find wrong; reasons of clips and faults of links have their own."""

    FILE_TOO_BIG = "too_big_file"  #: for the Bot API to hand out: size, limit in megabytes
    CLIP_TOO_LONG = "too_long_clip"  #: seconds, limit
    WRONG_KIND = "wrong_kind"  #: a sticker, a voice message, a document that is no video
    TOO_MANY_JOBS = "too_many"  #: one runs and three wait already
    QUEUE_FULL = "queue_full"
    RESULT_TOO_BIG = "result_too_big"  #: it cannot be made to fit Telegram's limit
    POISON = "poison"  #: it broke our tools three times
    NO_DISK = "no_disk"
    FILE_GONE = "gone_file"  #: Telegram does not have it any more
    NO_BACKEND = "nobody"  #: no place could do it for a day
    EXPIRED = "old"  #: the button's card or result is too old


class _FrozenModel(BaseModel):
    model_config = ConfigDict(frozen=True)


class StepDone(_FrozenModel):
    """It is there."""

    kind: Literal["done"] = "done"


class ResultRendered(_FrozenModel):
    """The result lies in the job's folder."""

    kind: Literal["made"] = "made"
    width: int
    height: int
    seconds: float
    renderer: str
    dollars: float = 0


class Rejected(_FrozenModel):
    """It cannot be done, and asking again is pointless.

    Attributes:
        fault: a value of Fault, of video_editing's Reason or of backends' LinkFault.
        details: numbers and names that the text may mention.
    """

    kind: Literal["refused"] = "refused"
    fault: str
    details: dict[str, float | str] = {}


class RetryLater(_FrozenModel):
    """Not now: it is tried again after so many seconds."""

    kind: Literal["later"] = "later"
    seconds: float
    why: str = ""


class JobCancelled(_FrozenModel):
    """The user pressed Cancel."""

    kind: Literal["stopped"] = "stopped"


class ChatGone(_FrozenModel):
    """The chat is not there for us any more: blocked, deactivated, kicked."""

    kind: Literal["gone"] = "gone"


class Delivered(_FrozenModel):
    """It was sent.

    Attributes:
        message: its id.
        file_id: Telegram's name of the result, with which it is sent again without an upload.
    """

    kind: Literal["delivered"] = "delivered"
    message: int
    file_id: str = ""


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """It is as it was to be."""


@dataclass(frozen=True, slots=True)
class MessageUnchanged:
    """It was so before."""


@dataclass(frozen=True, slots=True)
class MessageMissing:
    """It is not there any more, or not ours to change: what it was to say needs a new one."""
