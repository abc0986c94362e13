"""A progress report that records the events of a backend."""

from dataclasses import dataclass, field
from typing import TypeVar

from backends.base import Event
from video_editing.contract.progress import Progress

T = TypeVar("T")


@dataclass
class EventRecorder:
    """Records all events in order."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Record *event*."""
        self.events.append(event)

    def of(self, kind: type[T]) -> list[T]:
        """Return the events of the type *kind*."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def done(self) -> list[int]:
        """The number of finished frames in each progress event."""
        return [event.done for event in self.of(Progress) if event.stage == "mattes"]
