"""Errors, split by what the caller does next."""

from enum import StrEnum


class RejectReason(StrEnum):
    """Why a clip, or another input, cannot be used."""

    NO_FILE = "no_file"
    EMPTY_FILE = "empty_file"
    NOT_A_VIDEO = "not_a_video"
    UNSUPPORTED_FORMAT = "unsupported_format"
    UNSUPPORTED_CODEC = "unsupported_codec"
    NO_VIDEO_STREAM = "no_video_stream"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"
    NO_PERSON = "no_person"
    BAD_BACKGROUND = "bad_background"
    BAD_MATTE = "bad_matte"
    BAD_OPTION = "bad_option"
    DOES_NOT_FIT = "does_not_fit"
    NOTHING_LEFT = "nothing_left"


class InputRejected(Exception):
    """An input of the user cannot be used; another backend would fail as well.

    Attributes:
        reason: selects the text for the user.
        details: numbers and names for the text, all of them JSON values.
    """

    def __init__(self, reason: RejectReason, **details: float | str) -> None:
        super().__init__(reason.value, details)
        self.reason = reason
        self.details = details


class ModelUnavailable(Exception):
    """A model cannot run on this machine: its weights or its device are not available."""

    def __init__(self, model: str, why: str) -> None:
        super().__init__(f"{model}: {why}")
        self.model = model
        self.why = why


class OutOfMemory(Exception):
    """The work needs more memory than this process may have."""


class OutOfThreads(OutOfMemory):
    """The work needs more threads or processes than this user may have."""


class OutputFailed(Exception):
    """The result cannot be written: the disk is full, or the folder is not writable."""


class Cancelled(Exception):
    """The work was stopped on request.

    Attributes:
        signal: number of the signal that stopped it; 0 if it was no signal.
    """

    def __init__(self, signal: int = 0) -> None:
        super().__init__(signal)
        self.signal = signal
