"""What we mean to have rendered, written down before Shotstack is asked for it."""

import asyncio
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, SecretStr, ValidationError

from backends.shotstack.errors import AlreadyAsked, ShotstackAway
from backends.shotstack.rate_limiter import steady_time
from backends.shotstack.schemas import Id
from backends.state_file import Shelf

KEPT_SECONDS = 2 * 86400  #: twice as long as a result lies at Shotstack
HINTS = 4  #: that may wait; more come from nobody honest


class Intent(BaseModel):
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


class Intents:
    """All intents of a machine, in a file that outlives each process; and who waits for them."""

    def __init__(self, path: Path, clock: Callable[[], float] = steady_time) -> None:
        """Keep them in *path*; *clock* gives seconds since the epoch."""
        self._shelf: Shelf[Intent] = Shelf(path, Intent)
        self._clock = clock
        self._listeners: dict[str, set[asyncio.Event]] = {}

    def get(self, intent: str) -> Intent:
        """What is known of it; an empty one where nothing is."""
        return self._shelf.read().get(intent, Intent())

    def known(self, intent: str) -> bool:
        """Whether there is such an intent."""
        return intent in self._shelf.read()

    def claim(self, intent: str, edit: str) -> None:
        """Write down that the caller is about to ask for a render of *edit*; nobody else will.

        Raises:
            AlreadyAsked: somebody did before.
            ShotstackAway: it cannot be written down, so it must not be asked for.
        """
        now = self._clock()
        with self._changing(intent) as kept:
            if kept.posted is not None:
                raise AlreadyAsked("asked for before")
            kept.edit, kept.posted = edit, now
        if self.get(intent).posted != now:
            raise ShotstackAway("the intent cannot be kept", reached=False)

    def release(self, intent: str) -> None:
        """Write down that Shotstack surely did not accept it."""
        with self._changing(intent) as kept:
            kept.posted = None

    def found(self, intent: str, render: str) -> None:
        """Write down which render it is, and wake whoever waits for that."""
        with self._changing(intent) as kept:
            kept.render, kept.hints = render, ()
        self._wake(intent)

    def failed(self, intent: str, render: str) -> bool:
        """Write down that *render* failed; tell whether it may be asked for once more.

        Then :meth:`claim` is the caller's to win again.
        """
        with self._changing(intent) as kept:
            if kept.render != render or kept.past:
                return False
            kept.past, kept.render, kept.posted = (render,), None, None
        return True

    def hint(self, intent: str, render: str) -> bool:
        """Note that a callback says this is its render; tell whether that could be."""
        facts = self._shelf.read()
        if intent not in facts:
            return False
        kept = facts[intent]
        if render in {kept.render, *kept.past}:
            self._wake(intent)
            return True
        taken = {id_ for other in facts.values() for id_ in (other.render, *other.past)}
        if kept.render or kept.posted is None or render in taken or len(kept.hints) >= HINTS:
            return False
        with self._changing(intent) as kept:
            kept.hints = tuple({*kept.hints, render})
        self._wake(intent)
        return True

    def drop_hint(self, intent: str, render: str) -> None:
        """Believe a callback no longer."""
        with self._changing(intent) as kept:
            kept.hints = tuple(hint for hint in kept.hints if hint != render)

    def brought(self, intent: str, source: str) -> None:
        """Write down that *source* is being uploaded for it."""
        with self._changing(intent) as kept:
            kept.sources = (*kept.sources, source)

    def deleted(self, intent: str, source: str) -> None:
        """Write down that *source* is gone."""
        with self._changing(intent) as kept:
            kept.sources = tuple(known for known in kept.sources if known != source)

    def left_behind(self, before: float) -> dict[str, tuple[str, ...]]:
        """Sources of intents that were last changed before that time, by intent."""
        return {
            intent: kept.sources
            for intent, kept in self._shelf.read().items()
            if kept.sources and kept.touched < before
        }

    def forget(self, intent: str) -> None:
        """Forget it: the result is where it belongs, and nobody will ask for it again."""
        with self._shelf.changing() as facts:
            facts.pop(intent, None)

    @contextmanager
    def listening(self, intent: str) -> Iterator[asyncio.Event]:
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

    def _wake(self, intent: str) -> None:
        for event in self._listeners.get(intent, ()):
            event.set()

    @contextmanager
    def _changing(self, intent: str) -> Iterator[Intent]:
        now = self._clock()
        with self._shelf.changing() as facts:
            kept = facts.setdefault(intent, Intent())
            yield kept
            kept.touched = now
            for name, other in list(facts.items()):
                if other.touched < now - KEPT_SECONDS and not other.sources:
                    del facts[name]


LONGEST = 1 << 16  #: bytes of a callback
OK, BAD, UNKNOWN, TOO_LARGE = 200, 400, 404, 413  #: statuses of HTTP


class _Callback(BaseModel):
    type: str
    action: str
    id: Id


class Callbacks:
    """Hears callbacks at ``…/<secret>/<intent>``.

    Attributes:
        secret: the part of the path that nobody guesses. It follows from the key, so it stays the
            same over restarts and is no setting; the key does not follow from it.
    """

    def __init__(self, key: SecretStr, intents: Intents) -> None:
        """Hear of *intents*, at a path that is derived from *key*."""
        mark = hmac.new(key.get_secret_value().encode(), b"shotstack callbacks", sha256)
        self.secret = mark.hexdigest()[:40]
        self._intents = intents

    def heard(self, secret: str, intent: str, body: bytes) -> int:
        """Take one POST, and give the HTTP status to answer with; the same one twice is harmless.

        Args:
            secret: of the path.
            intent: of the path.
            body: at most LONGEST bytes of it and one more.
        """
        if not hmac.compare_digest(secret.encode(errors="replace"), self.secret.encode()):
            return UNKNOWN
        if not self._intents.known(intent):
            return UNKNOWN
        if len(body) > LONGEST:
            return TOO_LARGE
        try:
            told = _Callback.model_validate_json(body)
        except ValidationError:
            return BAD
        if (told.type, told.action) != ("edit", "render"):
            return OK  # of no use, and not to be sent again
        return OK if self._intents.hint(intent, told.id) else UNKNOWN
