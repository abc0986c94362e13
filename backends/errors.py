"""What can go wrong with a place of work."""

from enum import StrEnum


class FailureKind(StrEnum):
    """Why a place cannot do the work; the texts for people hang on it."""

    NOT_CONFIGURED = "not_configured"  #: a setting that it needs is missing
    UNREACHABLE = "unreachable"  #: no connection, no name, no TLS, or it broke off
    REFUSED = "refused"  #: it does not let us in, or is not there: 401, 403, 404
    UNSAFE = "unsafe"  #: it lets in whoever comes, so nobody's clip is safe there
    BUSY = "busy"  #: it asks to come back later: 429, 503
    BROKEN = "broken"  #: it fails by its own fault: 5xx, a child that dies
    INVALID_RESPONSE = "garbage"  #: what it answers is not what was asked for
    TOO_SLOW = "too_slow"  #: nothing moved for too long, or the deadline passed
    NO_MODEL = "no_model"  #: the weights are missing, or there is no device to run them on
    NO_MEMORY = "no_memory"  #: killed for what it took
    COOLING_DOWN = "resting"  #: it failed a moment ago and is left alone for a while
    ALL_FAILED = "nobody"  #: every place of a chain failed


class BackendUnavailable(Exception):
    """The place is at fault; ask the next.

    Attributes:
        backend: the name of the place.
        kind: which of the known faults it is.
        detail: a few words for the log, without addresses, paths and secrets.
        retry_after: seconds that the place asks us to wait, where it says so.
    """

    def __init__(
        self, backend: str, kind: FailureKind, detail: str = "", *, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{backend}: {kind}" + (f" ({detail})" if detail else ""))
        self.backend = backend
        self.kind = kind
        self.detail = detail
        self.retry_after = retry_after


class AllBackendsFailed(ExceptionGroup[BackendUnavailable], BackendUnavailable):
    """Every place of a chain failed; the group holds each one's reason, in the order of asking."""

    backend = "chain"
    kind = FailureKind.ALL_FAILED
    detail = ""
    retry_after = None
