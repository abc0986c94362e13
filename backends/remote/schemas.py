"""What the service and its client say to each other."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from video_editing.contract.plan import Plan

ClipDigest = Annotated[
    str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of a clip's bytes")
]
JobId = Annotated[
    str, Field(pattern=r"^[0-9a-f]{32,64}$", description="chosen by the client, unguessable")
]


class ErrorResponse(BaseModel):
    """Why a request was not served."""

    detail: str


class FieldError(BaseModel):
    """What is wrong with one field."""

    loc: list[str | int]
    msg: str
    type: str


class FieldErrorsResponse(BaseModel):
    """Why a request could not be understood, field by field."""

    detail: list[FieldError]


class HealthResponse(BaseModel):
    """The service is up."""

    status: Literal["ok"] = "ok"


class ClipResponse(BaseModel):
    """A clip that the service holds."""

    input: ClipDigest
    size: int = Field(ge=0, description="bytes")


class MatteJobRequest(BaseModel):
    """Mattes to make.

    The same job may be asked for again, with the same segments or fewer: it goes on where it is.
    """

    input: ClipDigest
    plan: Plan


class MatteJobState(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class MatteJobFailure(BaseModel):
    """Why a job failed.

    Attributes:
        rejected: the clip is at fault, and asking elsewhere is pointless.
        reason: a :class:`video_editing.contract.errors.Reason` where *rejected*, else a
            :class:`backends.errors.Why`.
        details: what the text for people may mention.
        retry_after: seconds after which the place may work again, where it knows.
    """

    rejected: bool
    reason: str
    details: dict[str, float | str] = {}
    retry_after: float | None = None


class MatteJobResponse(BaseModel):
    """How far a job is.

    Attributes:
        job_id, input: what the client called it, and for which clip.
        done, total: frames.
        fps: frames a second.
        ready: indices of the segments that can be fetched.
        device_seconds: how long the device was at work for it so far.
        failure: where the state is "failed".
    """

    job_id: JobId
    input: ClipDigest
    state: MatteJobState
    done: int = Field(ge=0)
    total: int = Field(ge=0)
    fps: float = Field(ge=0, allow_inf_nan=False)
    ready: list[int]
    device_seconds: float = Field(ge=0, allow_inf_nan=False)
    failure: MatteJobFailure | None = None


class OverlayResponse(BaseModel):
    """How an overlay that was asked for by link is doing.

    Attributes:
        overlay_url: where to fetch it, without any key, for a while; at Shotstack, where the
            service has a key for it.
        duration: seconds of it.
        processing_time: seconds that it took, queue included.
        error: one sentence, where the status is "failed".
        reason: the same in one word.
    """

    model_config = ConfigDict(json_schema_extra={"required": ["job_id", "status"]})

    job_id: str
    status: Literal["processing", "completed", "failed"]
    overlay_url: str | None = None
    duration: float | None = None
    processing_time: float | None = None
    error: str | None = None
    reason: str | None = None


def describe_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route may answer besides success, for the OpenAPI document."""
    return {
        status: {
            "model": FieldErrorsResponse if status == 422 else ErrorResponse,
            "description": STATUS_DESCRIPTIONS[status],
        }
        for status in (401, *statuses)
    }


STATUS_DESCRIPTIONS = {
    400: "the body cannot be read",
    401: "no key, or a wrong one",
    403: "the link has expired or is not ours",
    404: "there is no such thing here, or no longer",
    409: "it is there already, with other content, or not yet ready",
    413: "too large",
    422: "a field is missing or wrong; the answer names it",
    429: "too many jobs are waiting; come back after Retry-After seconds",
    507: "the disk is full",
}

#: what a file's route answers to the Range header
RANGE_RESPONSES: dict[int | str, dict[str, Any]] = {
    206: {"description": "a part of the file"},
    400: {"description": "a Range that cannot be read"},
    416: {"description": "a Range outside the file"},
}
