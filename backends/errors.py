"""How a backend fails."""

from enum import StrEnum


class FailureKind(StrEnum):
    """Why a backend cannot do the work; texts for users and admins depend on it."""

    NOT_CONFIGURED = "not_configured"  #: a required setting is missing
    UNREACHABLE = "unreachable"  #: no connection, no address, no TLS, or the connection broke
    REFUSED = "refused"  #: access is denied, or there is no such service: 401, 403, 404
    UNSAFE = "unsafe"  #: it serves requests without a key, so clips are not safe there
    BUSY = "busy"  #: it asks to come back later: 429, 503
    BROKEN = "broken"  #: it fails by its own fault: 5xx, a crashed child process
    INVALID_RESPONSE = "garbage"  #: its response is not what was requested
    WRONG_PICTURE = "wrong_picture"  #: its results do not look like ours
    TOO_SLOW = "too_slow"  #: no progress for too long, or the deadline passed
    NO_MODEL = "no_model"  #: the weights are missing, or there is no device to run them on
    NO_MEMORY = "no_memory"  #: killed because of its memory
    COOLING_DOWN = "resting"  #: it failed recently and is not asked until its cool-down ends
    ALL_FAILED = "nobody"  #: every backend of a chain failed


class BackendUnavailable(Exception):
    """The backend is at fault; ask the next one.

    Attributes:
        backend: name of the backend.
        kind: which of the known failures it is.
        detail: a few words for the log, without addresses, paths and secrets.
        retry_after: seconds that the backend asks us to wait, if it does.
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
    """Every backend of a chain failed; the group holds their failures, in order."""

    backend = "chain"
    kind = FailureKind.ALL_FAILED
    detail = ""
    retry_after = None
