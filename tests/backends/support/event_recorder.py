"""A report that records the events of a backend."""

from dataclasses import dataclass, field
from typing import TypeVar

from backends.base import Event
from video_editing.contract.progress import Progress

T = TypeVar("T")


@dataclass
class Heard:
    """A report that records every event."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Record *event*."""
        self.events.append(event)

    def of(self, kind: type[T]) -> list[T]:
        """Return the events of *kind*."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def done(self) -> list[int]:
        """The number of frames done, for each report."""
        return [event.done for event in self.of(Progress) if event.stage == "mattes"]
