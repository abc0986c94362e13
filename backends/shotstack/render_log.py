"""What we mean to have rendered, written down before Shotstack is asked for it."""

import asyncio
import hmac
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, SecretStr, ValidationError

from backends.rendering.base import RenderRequest
from backends.shotstack.errors import DuplicateRender, ShotstackUnavailable
from backends.shotstack.rate_limiter import get_steady_time
from backends.shotstack.schemas import ShotstackId
from backends.state_file import JsonStateFile
from video_editing.contract.style import Style

RETENTION_SECONDS = 2 * 86400  #: twice as long as a result lies at Shotstack
MAX_HINTS = 4  #: that may wait; more come from nobody honest

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
    """One result, however often it is tried.

    Attributes:
        edit: the hash of what was asked for, to be found in logs and records.
        posted: when it was asked for first, in seconds since the epoch; None: it was not, or
            Shotstack surely did not accept it. With a time and without a render nobody knows.
        render: the id of the render, once it is known.
        hints: ids that callbacks named and nobody looked at yet.
        past: ids of renders that failed, and are not billed.
        sources: ids of what was uploaded for it and not deleted yet.
        touched: when it was last changed.
    """

    edit: str = ""
    posted: float | None = None
    render: str | None = None
    hints: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    touched: float = 0


class RenderLog:
    """All intents of a machine, in a file that outlives each process; and who waits for them."""

    def __init__(self, path: Path, clock: Callable[[], float] = get_steady_time) -> None:
        """Keep them in *path*; *clock* gives seconds since the epoch."""
        self._state_file: JsonStateFile[RenderIntent] = JsonStateFile(path, RenderIntent)
        self._clock = clock
        self._listeners: dict[str, set[asyncio.Event]] = {}

    def get(self, intent: str) -> RenderIntent:
        """What is known of it; an empty one where nothing is."""
        return self._state_file.read().get(intent, RenderIntent())

    def has_intent(self, intent: str) -> bool:
        """Whether there is such an intent."""
        return intent in self._state_file.read()

    def claim(self, intent: str, edit: str) -> None:
        """Write down that the caller is about to ask for a render of *edit*; nobody else will.

        Raises:
            AlreadyAsked: somebody did before.
            ShotstackAway: it cannot be written down, so it must not be asked for.
        """
        now = self._clock()
        with self._update(intent) as kept:
            if kept.posted is not None:
                raise DuplicateRender("asked for before")
            kept.edit, kept.posted = edit, now
        if self.get(intent).posted != now:
            raise ShotstackUnavailable("the intent cannot be kept", has_reached_server=False)

    def release(self, intent: str) -> None:
        """Write down that Shotstack surely did not accept it."""
        with self._update(intent) as kept:
            kept.posted = None

    def set_render(self, intent: str, render: str) -> None:
        """Write down which render it is, and wake whoever waits for that."""
        with self._update(intent) as kept:
            kept.render, kept.hints = render, ()
        self._notify(intent)

    def record_failure(self, intent: str, render: str) -> bool:
        """Write down that *render* failed; tell whether it may be asked for once more.

        Then :meth:`claim` is the caller's to win again.
        """
        with self._update(intent) as kept:
            if kept.render != render or kept.past:
                return False
            kept.past, kept.render, kept.posted = (render,), None, None
        return True

    def add_hint(self, intent: str, render: str) -> bool:
        """Note that a callback says this is its render; tell whether that could be."""
        entries = self._state_file.read()
        if intent not in entries:
            return False
        entry = entries[intent]
        if render in {entry.render, *entry.past}:
            self._notify(intent)
            return True
        taken = {id_ for other in entries.values() for id_ in (other.render, *other.past)}
        if entry.render or entry.posted is None or render in taken or len(entry.hints) >= MAX_HINTS:
            return False
        with self._update(intent) as entry:
            entry.hints = tuple({*entry.hints, render})
        self._notify(intent)
        return True

    def drop_hint(self, intent: str, render: str) -> None:
        """Believe a callback no longer."""
        with self._update(intent) as kept:
            kept.hints = tuple(hint for hint in kept.hints if hint != render)

    def add_source(self, intent: str, source: str) -> None:
        """Write down that *source* is being uploaded for it."""
        with self._update(intent) as kept:
            kept.sources = (*kept.sources, source)

    def remove_source(self, intent: str, source: str) -> None:
        """Write down that *source* is gone."""
        with self._update(intent) as kept:
            kept.sources = tuple(known for known in kept.sources if known != source)

    def find_leftover_sources(self, before: float) -> dict[str, tuple[str, ...]]:
        """Sources of intents that were last changed before that time, by intent."""
        return {
            intent: kept.sources
            for intent, kept in self._state_file.read().items()
            if kept.sources and kept.touched < before
        }

    def forget(self, intent: str) -> None:
        """Forget it: the result is where it belongs, and nobody will ask for it again."""
        with self._state_file.update() as facts:
            facts.pop(intent, None)

    @contextmanager
    def listen(self, intent: str) -> Iterator[asyncio.Event]:
        """Yield what is set whenever there is news of *intent*."""
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
        with self._state_file.update() as facts:
            kept = facts.setdefault(intent, RenderIntent())
            yield kept
            kept.touched = now
            for name, other in list(facts.items()):
                if other.touched < now - RETENTION_SECONDS and not other.sources:
                    del facts[name]


MAX_CALLBACK_BYTES = 1 << 16  #: bytes of a callback
OK, BAD_REQUEST, NOT_FOUND, TOO_LARGE = 200, 400, 404, 413  #: statuses of HTTP


class _CallbackBody(BaseModel):
    type: str
    action: str
    id: ShotstackId


class CallbackReceiver:
    """Hears callbacks at ``…/<secret>/<intent>``.

    Attributes:
        secret: the part of the path that nobody guesses. It follows from the key, so it stays the
            same over restarts and is no setting; the key does not follow from it.
    """

    def __init__(self, key: SecretStr, render_log: RenderLog) -> None:
        """Hear of *render_log*, at a path that is derived from *key*."""
        mark = hmac.new(key.get_secret_value().encode(), b"shotstack callbacks", sha256)
        self.secret = mark.hexdigest()[:40]
        self._render_log = render_log

    def receive(self, secret: str, intent: str, body: bytes) -> int:
        """Take one POST, and give the HTTP status to answer with; the same one twice is harmless.

        Args:
            secret: of the path.
            intent: of the path.
            body: at most LONGEST bytes of it and one more.
        """
        if not hmac.compare_digest(secret.encode(errors="replace"), self.secret.encode()):
            return NOT_FOUND
        if not self._render_log.has_intent(intent):
            return NOT_FOUND
        if len(body) > MAX_CALLBACK_BYTES:
            return TOO_LARGE
        try:
            callback = _CallbackBody.model_validate_json(body)
        except ValidationError:
            return BAD_REQUEST
        if (callback.type, callback.action) != ("edit", "render"):
            return OK  # of no use, and not to be sent again
        return OK if self._render_log.add_hint(intent, callback.id) else NOT_FOUND
