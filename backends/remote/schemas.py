"""The bodies of the service's requests and responses."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from backends.errors import FailureKind
from backends.links.download import LinkError
from video_editing.contract.engines import DEFAULT_MODEL, FAST_ENGINE, EngineName
from video_editing.contract.errors import RejectReason
from video_editing.contract.plan import Plan

ClipDigest = Annotated[
    str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of a clip's bytes")
]
JobId = Annotated[
    str, Field(pattern=r"^[0-9a-f]{32,64}$", description="chosen by the client, unguessable")
]


ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
#: a newer service may have more of them, which an older client accepts
FailureReason = Annotated[
    str, Field(json_schema_extra={"enum": sorted({*RejectReason, *FailureKind})})
]

OverlayFailureReason = Annotated[
    str, Field(json_schema_extra={"enum": sorted({*RejectReason, *FailureKind, *LinkError})})
]


class ErrorResponse(BaseModel):
    """Why a request failed."""

    detail: str


class FieldError(BaseModel):
    """The error of one field."""

    loc: list[str | int]
    msg: str
    type: str


class FieldErrorsResponse(BaseModel):
    """Why a request is invalid, field by field."""

    detail: list[FieldError]


class HealthResponse(BaseModel):
    """The service is up."""

    status: Literal["ok"] = "ok"


class ClipResponse(BaseModel):
    """A clip that the service holds."""

    input: ClipDigest
    size: int = Field(ge=0, description="bytes")


class PlanRequest(BaseModel):
    """The plan to make of a clip that is uploaded.

    Attributes:
        input: digest of the clip.
        engine: as on the command line.
        rembg_model: a network of the rembg engine.
        every: frames from one keyframe of the engine's network to the next; 0: the engine chooses.
    """

    model_config = ConfigDict(extra="forbid")

    input: ClipDigest
    engine: EngineName = FAST_ENGINE
    rembg_model: ModelName = DEFAULT_MODEL
    every: int = Field(default=0, ge=0)


class MatteJobRequest(BaseModel):
    """The mattes to make.

    The same job may be submitted again, with the same segments or fewer: it continues.
    """

    model_config = ConfigDict(extra="forbid")

    input: ClipDigest
    plan: Plan


class MatteJobState(StrEnum):
    """The state of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class MatteJobFailure(BaseModel):
    """Why a job failed.

    Attributes:
        rejected: the clip is at fault; another backend would fail as well.
        reason: a :class:`video_editing.contract.errors.RejectReason` if *rejected*, else a
            :class:`backends.errors.FailureKind`.
        details: fields of the reason, for the text that users read.
        retry_after: seconds after which the service may work again, if it knows.
    """

    rejected: bool
    reason: FailureReason
    details: dict[str, float | str] = {}
    retry_after: float | None = None


class MatteJobResponse(BaseModel):
    """The progress of a job.

    Attributes:
        job_id, input: its id, chosen by the client, and the digest of its clip.
        done, total: frames.
        fps: frames a second.
        ready: indices of the segments that can be downloaded.
        is_warming_up: the job is queued while its device starts, which may take minutes.
        device_seconds: seconds that the device has worked on it.
        failure: set if the state is "failed".
    """

    job_id: JobId
    input: ClipDigest
    state: MatteJobState
    done: int = Field(ge=0)
    total: int = Field(ge=0)
    fps: float = Field(ge=0, allow_inf_nan=False)
    ready: list[int]
    is_warming_up: bool = False
    device_seconds: float = Field(ge=0, allow_inf_nan=False)
    failure: MatteJobFailure | None = None


class OverlayResponse(BaseModel):
    """The progress of an overlay that was requested by link.

    Attributes:
        overlay_url: link that needs no key and expires; at Shotstack, if the service has a key
            for it.
        duration: its length in seconds.
        processing_time: seconds that it took, with the time in the queue.
        error: one sentence, if the status is "failed".
        reason: the same as one word.
    """

    model_config = ConfigDict(json_schema_extra={"required": ["job_id", "status"]})

    job_id: str
    status: Literal["processing", "completed", "failed"]
    overlay_url: str | None = None
    duration: float | None = None
    processing_time: float | None = None
    error: str | None = None
    reason: OverlayFailureReason | None = None


def describe_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe a route's responses other than success, for the OpenAPI document."""
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
    404: "it does not exist, or no longer",
    409: "it exists already, with other content, or is not ready yet",
    413: "too large",
    422: "a field is missing or wrong; the answer names it",
    429: "too many jobs are waiting; come back after Retry-After seconds",
    503: "the service cannot do it now",
    507: "the disk is full",
}

#: responses of a file's route to the Range header
RANGE_RESPONSES: dict[int | str, dict[str, Any]] = {
    206: {"description": "a part of the file"},
    400: {"model": ErrorResponse, "description": "a Range that cannot be read"},
    416: {"model": ErrorResponse, "description": "a Range outside the file"},
}
