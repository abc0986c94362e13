"""What can go wrong with a clip, split by what to do next."""

from enum import StrEnum


class RejectReason(StrEnum):
    """Why a clip, or something that came with it, cannot be used."""

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


class InputRejected(Exception):
    """What the user gave cannot be used; asking elsewhere is pointless.

    Attributes:
        reason: which of the known reasons it is; every text for people hangs on it.
        details: numbers and names that the text may mention, all of them JSON values.
    """

    def __init__(self, reason: RejectReason, **details: float | str) -> None:
        super().__init__(reason.value, details)
        self.reason = reason
        self.details = details


class ModelUnavailable(Exception):
    """A model cannot be used in this place: no weights, or no device to run them on."""

    def __init__(self, model: str, why: str) -> None:
        super().__init__(f"{model}: {why}")
        self.model = model
        self.why = why


class OutputFailed(Exception):
    """The result could not be written: the disk is full, or the folder is not writable."""


class Cancelled(Exception):
    """Somebody asked the work to stop.

    Attributes:
        signal: the number of the signal that said so; 0 where it was no signal.
    """

    def __init__(self, signal: int = 0) -> None:
        super().__init__(signal)
        self.signal = signal
