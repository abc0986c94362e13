"""Answers of Shotstack, as far as they are used; each field may have a wrong type."""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

T = TypeVar("T")


def _parse_number(value: Any) -> float | None:
    """Return *value* as a number; some of Shotstack's schemas have numbers as strings."""
    if not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < 1e12 else None


def _parse_text(value: Any) -> str | None:
    return value[:4096] if isinstance(value, str) else None


#: becomes part of paths, so it must not contain a separator
ShotstackId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
LenientNumber = Annotated[float | None, BeforeValidator(_parse_number)]
LenientText = Annotated[str | None, BeforeValidator(_parse_text)]


class ApiModel(BaseModel):
    """Ignores unknown fields."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class EditResponse(ApiModel, Generic[T]):
    """The envelope of the Edit API."""

    response: T


class IngestResponse(ApiModel, Generic[T]):
    """The envelope of the Ingest API."""

    data: T


class QueuedRender(ApiModel):
    """A render that was accepted."""

    id: ShotstackId


class RenderStatus(ApiModel):
    """The state of a render.

    Attributes:
        id: of the render.
        status: queued, fetching, rendering, saving, done or failed; the API may add others.
        error: why it failed, for the log.
        duration: seconds of the result that are billed.
        url: address of the result, for a day.
    """

    id: ShotstackId
    status: LenientText = None
    error: LenientText = Field(default=None, repr=False)
    duration: LenientNumber = None
    url: LenientText = Field(default=None, repr=False)


class SignedUrl(ApiModel):
    """The address for an upload, valid for an hour."""

    url: str = Field(repr=False, max_length=8192)


class UploadSlot(ApiModel):
    """An upload, which becomes the source of the same id."""

    id: ShotstackId
    attributes: SignedUrl


class IngestSourceState(ApiModel):
    """The state of a source.

    Attributes:
        status: queued, importing, ready, failed, deleted or overwritten.
        source: its address, once it is ready.
        error: why it failed.
        created: the time in Shotstack's notation.
    """

    status: LenientText = None
    source: LenientText = Field(default=None, repr=False)
    error: LenientText = Field(default=None, repr=False)
    created: LenientText = None


class IngestSource(ApiModel):
    """A file at Shotstack, stored until it is deleted."""

    id: ShotstackId
    attributes: IngestSourceState = IngestSourceState()


class IngestedFile(ApiModel):
    """A file at Shotstack that renders can use.

    Attributes:
        id: of the source, for its deletion.
        url: for an asset's ``src``.
    """

    id: ShotstackId
    url: str = Field(repr=False)


class StoredTemplate(ApiModel):
    """A template: an edit with merge fields."""

    template: dict[str, Any]
