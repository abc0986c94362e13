"""What Shotstack answers, as far as we use it; nothing in it is believed to have the right type."""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

T = TypeVar("T")


def _parse_number(value: Any) -> float | None:
    """A number, also one that is written as a text, as some of Shotstack's schemas have it."""
    if not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < 1e12 else None


def _parse_text(value: Any) -> str | None:
    return value[:4096] if isinstance(value, str) else None


#: goes into paths, so it is nothing that could lead elsewhere
ShotstackId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
LenientNumber = Annotated[float | None, BeforeValidator(_parse_number)]
LenientText = Annotated[str | None, BeforeValidator(_parse_text)]


class ApiModel(BaseModel):
    """Unknown fields are nobody's business."""

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
    """How far a render is.

    Attributes:
        id: of the render.
        status: queued, fetching, rendering, saving, done or failed; maybe a word to come.
        error: what is wrong with a failed one, for the log.
        duration: seconds of the result, for which it is billed.
        url: where the result lies for a day.
    """

    id: ShotstackId
    status: LenientText = None
    error: LenientText = Field(default=None, repr=False)
    duration: LenientNumber = None
    url: LenientText = Field(default=None, repr=False)


class SignedUrl(ApiModel):
    """Where to put a file, for an hour."""

    url: str = Field(repr=False, max_length=8192)


class UploadSlot(ApiModel):
    """A place for a file, which becomes the source of the same id."""

    id: ShotstackId
    attributes: SignedUrl


class IngestSourceState(ApiModel):
    """How far a source is.

    Attributes:
        status: queued, importing, ready, failed, deleted or overwritten.
        source: its address once it is ready.
        error: what is wrong with a failed one.
        created: when, as Shotstack writes it.
    """

    status: LenientText = None
    source: LenientText = Field(default=None, repr=False)
    error: LenientText = Field(default=None, repr=False)
    created: LenientText = None


class IngestSource(ApiModel):
    """A file that Shotstack keeps for us until we delete it."""

    id: ShotstackId
    attributes: IngestSourceState = IngestSourceState()


class IngestedFile(ApiModel):
    """A file that Shotstack has, and can render from.

    Attributes:
        id: of the source, by which it is deleted.
        url: for an asset's ``src``.
    """

    id: ShotstackId
    url: str = Field(repr=False)


class StoredTemplate(ApiModel):
    """A template: an edit with places for merge fields."""

    template: dict[str, Any]
