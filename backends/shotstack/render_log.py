"""The log of renders, written before Shotstack is asked for them, and the callbacks about them."""

import asyncio
import hmac
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, SecretStr, ValidationError

from backends.rendering.base import RenderRequest
from backends.shotstack.errors import DuplicateRender, ShotstackUnavailable
from backends.shotstack.rate_limiter import get_steady_time
from backends.shotstack.schemas import ShotstackId
from backends.state_file import JsonStateFile
from video_editing.contract.formats import AUTO_CANVAS
from video_editing.contract.style import Style

RETENTION_SECONDS = 2 * 86400  #: twice as long as Shotstack stores a result
MAX_HINTS = 4  #: unconfirmed ones of an intent; Shotstack sends one

#: fields of a style that an id always contains, in their order; see :func:`compute_intent_id`
STYLE_FIELDS_IN_ID = (
    "shape",
    "radius",
    "crop",
    "centre",
    "keep_background",
    "threshold",
    "feather",
    "ring",
    "ring_colour",
    "shadow",
    "position",
    "offset",
    "size",
    "fade",
)


def compute_intent_id(request: RenderRequest, result: Path) -> str:
    """Return the id of the intent to render *request* into *result*.

    The id must never change for the same work: state files of earlier versions contain it, and a
    render in flight during an upgrade is found again by it. With another id Shotstack receives,
    and bills, the same render twice. Therefore the hashed text is fixed here, with the class names
    of the first version (``Scene``, ``Form``), and does not follow from today's class names.
    """
    fields = {
        "clip": _format_for_id(request.clip),
        "mattes": _format_for_id(request.mattes),
        "background": _format_for_id(request.background),
        "style": _format_style_for_id(request.style),
        "form": _format_for_id(request.form, "Form"),
        "max_bytes": _format_for_id(request.max_bytes),
        "thumbnail": _format_for_id(request.thumbnail),
    }
    # A later field of a request is part of the id only if it is not the default.
    if request.canvas != AUTO_CANVAS:
        fields["canvas"] = request.canvas
    for name in ("excerpt", "sound"):
        if chosen := getattr(request, name).model_dump(mode="json", exclude_defaults=True):
            fields[name] = repr(chosen)
    text = f"{result.absolute()} {_join_fields('Scene', fields)}"
    return sha256(text.encode()).hexdigest()[:32]


def _format_style_for_id(style: Style) -> str:
    """Return the text of *style*; a later field is part of it only if it is not the default."""
    names = list(STYLE_FIELDS_IN_ID)
    for name, field in type(style).model_fields.items():
        is_later = name not in STYLE_FIELDS_IN_ID
        if is_later and getattr(style, name) != field.get_default(call_default_factory=True):
            names.append(name)
    enum_names = {"shape": "Shape", "position": "Anchor"}
    return _join_fields(
        "Style",
        {name: _format_for_id(getattr(style, name), enum_names.get(name)) for name in names},
    )


def _join_fields(class_name: str, fields: Mapping[str, str]) -> str:
    return f"{class_name}({', '.join(f'{name}={text}' for name, text in fields.items())})"


def _format_for_id(value: object, enum_name: str | None = None) -> str:
    if isinstance(value, Path):
        return f"PosixPath({value.as_posix()!r})"
    if enum_name is not None and isinstance(value, StrEnum):
        return f"<{enum_name}.{value.value.upper().replace('-', '_')}: {value.value!r}>"
    return repr(value)


class RenderIntent(BaseModel):
    """One result to render, over all attempts.

    Attributes:
        edit: the hash of the requested edit, for logs and records.
        posted: when the render was requested first, in seconds since the epoch; None: it was not
            requested, or Shotstack certainly did not accept it. With a time but without a render,
            it is unknown whether it was accepted.
        render: the id of the render, once it is known.
        hints: render ids from callbacks that are not confirmed yet.
        past: ids of renders that failed and are not billed.
        sources: ids of files that were uploaded for it and are not deleted yet.
        touched: when the entry was last changed, in seconds since the epoch.
    """

    edit: str = ""
    posted: float | None = None
    render: str | None = None
    hints: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    touched: float = 0


class RenderLog:
    """All intents of a machine, in a state file, and the waiting tasks of this process."""

    def __init__(self, path: Path, clock: Callable[[], float] = get_steady_time) -> None:
        """Use the state file at *path*; *clock* returns seconds since the epoch."""
        self._state_file: JsonStateFile[RenderIntent] = JsonStateFile(path, RenderIntent)
        self._clock = clock
        self._listeners: dict[str, set[asyncio.Event]] = {}

    def get(self, intent: str) -> RenderIntent:
        """Return the entry of *intent*, or an empty one."""
        return self._state_file.read().get(intent, RenderIntent())

    def has_intent(self, intent: str) -> bool:
        """Return whether the log has an entry of *intent*."""
        return intent in self._state_file.read()

    def claim(self, intent: str, edit: str) -> None:
        """Record that the caller is about to request a render of *edit*; only one caller can.

        Raises:
            DuplicateRender: it was requested before.
            ShotstackUnavailable: the log cannot be written, so the request must not be sent.
        """
        now = self._clock()
        with self._update(intent) as entry:
            if entry.posted is not None:
                raise DuplicateRender("requested before")
            entry.edit, entry.posted = edit, now
        if self.get(intent).posted != now:
            raise ShotstackUnavailable("the intent cannot be recorded", has_reached_server=False)

    def release(self, intent: str) -> None:
        """Record that Shotstack certainly did not accept the request."""
        with self._update(intent) as entry:
            entry.posted = None

    def set_render(self, intent: str, render: str) -> None:
        """Record the id of the render, and wake the tasks that wait for it."""
        with self._update(intent) as entry:
            entry.render, entry.hints = render, ()
        self._notify(intent)

    def record_failure(self, intent: str, render: str) -> bool:
        """Record that *render* failed; return whether it may be requested once more.

        If so, the intent can be claimed again.
        """
        with self._update(intent) as entry:
            if entry.render != render or entry.past:
                return False
            entry.past, entry.render, entry.posted = (render,), None, None
        return True

    def add_hint(self, intent: str, render: str) -> bool:
        """Record the render id of a callback for *intent*; return whether the id is plausible."""
        entries = self._state_file.read()
        if intent not in entries:
            return False
        entry = entries[intent]
        if render in {entry.render, *entry.past}:
            self._notify(intent)
            return True
        taken = {known for other in entries.values() for known in (other.render, *other.past)}
        if entry.render or entry.posted is None or render in taken or len(entry.hints) >= MAX_HINTS:
            return False
        with self._update(intent) as entry:
            entry.hints = tuple({*entry.hints, render})
        self._notify(intent)
        return True

    def drop_hint(self, intent: str, render: str) -> None:
        """Remove a hint that turned out to be wrong."""
        with self._update(intent) as entry:
            entry.hints = tuple(hint for hint in entry.hints if hint != render)

    def add_source(self, intent: str, source: str) -> None:
        """Record that *source* is being uploaded for *intent*."""
        with self._update(intent) as entry:
            entry.sources = (*entry.sources, source)

    def remove_source(self, intent: str, source: str) -> None:
        """Record that *source* is deleted."""
        with self._update(intent) as entry:
            entry.sources = tuple(other for other in entry.sources if other != source)

    def find_leftover_sources(self, before: float) -> dict[str, tuple[str, ...]]:
        """Return the sources of intents that were last changed before that time, by intent."""
        return {
            intent: entry.sources
            for intent, entry in self._state_file.read().items()
            if entry.sources and entry.touched < before
        }

    def forget(self, intent: str) -> None:
        """Remove the entry of *intent*, whose result is complete."""
        with self._state_file.update() as intents:
            intents.pop(intent, None)

    @contextmanager
    def listen(self, intent: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set when an id for the render of *intent* arrives."""
        event = asyncio.Event()
        listeners = self._listeners.setdefault(intent, set())
        listeners.add(event)
        try:
            yield event
        finally:
            listeners.discard(event)
            if not listeners:
                self._listeners.pop(intent, None)

    def _notify(self, intent: str) -> None:
        for event in self._listeners.get(intent, ()):
            event.set()

    @contextmanager
    def _update(self, intent: str) -> Iterator[RenderIntent]:
        now = self._clock()
        with self._state_file.update() as intents:
            entry = intents.setdefault(intent, RenderIntent())
            yield entry
            entry.touched = now
            for name, other in list(intents.items()):
                if other.touched < now - RETENTION_SECONDS and not other.sources:
                    del intents[name]


@dataclass(frozen=True, slots=True)
class RenderTracking:
    """How renders are followed.

    Attributes:
        render_log: the intents, shared with the receiver of callbacks.
        callback_url: address for Shotstack's callbacks, with its secret; None: renders are only
            polled.
    """

    render_log: RenderLog
    callback_url: str | None = None


MAX_CALLBACK_BYTES = 1 << 16  #: of a callback
OK, BAD_REQUEST, NOT_FOUND, TOO_LARGE = 200, 400, 404, 413  #: HTTP statuses


class _CallbackBody(BaseModel):
    type: str
    action: str
    id: ShotstackId


class CallbackReceiver:
    """Receives callbacks at ``…/<secret>/<intent>``.

    Attributes:
        secret: an unguessable part of the path. It is derived from the key by a one-way function,
            so it is the same after a restart and needs no setting.
    """

    def __init__(self, key: SecretStr, render_log: RenderLog) -> None:
        """Record callbacks in *render_log*; the secret of the path is derived from *key*."""
        digest = hmac.new(key.get_secret_value().encode(), b"shotstack callbacks", sha256)
        self.secret = digest.hexdigest()[:40]
        self._render_log = render_log

    def is_known(self, secret: str, intent: str) -> bool:
        """Return whether a path is one that Shotstack was given, so that the body is read."""
        has_secret = hmac.compare_digest(secret.encode(errors="replace"), self.secret.encode())
        return has_secret and self._render_log.has_intent(intent)

    def receive(self, secret: str, intent: str, body: bytes) -> int:
        """Process one POST, and return the HTTP status; a repeated callback changes nothing.

        Args:
            secret: from the path.
            intent: from the path.
            body: its first bytes, at most one more than :data:`MAX_CALLBACK_BYTES`.
        """
        if not self.is_known(secret, intent):
            return NOT_FOUND
        if len(body) > MAX_CALLBACK_BYTES:
            return TOO_LARGE
        try:
            callback = _CallbackBody.model_validate_json(body)
        except ValidationError:
            return BAD_REQUEST
        if (callback.type, callback.action) != ("edit", "render"):
            return OK  # of another kind; an error status would make Shotstack send it again
        return OK if self._render_log.add_hint(intent, callback.id) else NOT_FOUND
