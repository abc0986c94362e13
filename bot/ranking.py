"""In which order admins want the places asked, and which of them not at all."""

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, ConfigDict


class Ranking(BaseModel):
    """All places, best first.

    Attributes:
        names: of all places, those that are off among them.
        off: those that are not asked.
    """

    model_config = ConfigDict(frozen=True)

    names: tuple[str, ...]
    off: frozenset[str] = frozenset()

    @property
    def on(self) -> tuple[str, ...]:
        """Those that are asked, in order."""
        return tuple(name for name in self.names if name not in self.off)

    def only(self, names: Sequence[str]) -> Self:
        """*names* in their order; all others are off."""
        others = tuple(name for name in self.names if name not in names)
        return type(self)(names=(*dict.fromkeys(names), *others), off=frozenset(others))

    def first(self, name: str) -> Self:
        """*name* before all others, and on."""
        others = (other for other in self.names if other != name)
        return type(self)(names=(name, *others), off=self.off - {name})

    def up(self, name: str) -> Self:
        """*name* one place earlier."""
        at = self.names.index(name)
        before = self.names[max(at - 1, 0)]
        names = list(self.names)
        names[names.index(before)], names[at] = name, before
        return type(self)(names=tuple(names), off=self.off)

    def switched(self, name: str, *, on: bool) -> Self:
        """*name* on or off."""
        off = self.off - {name} if on else self.off | {name}
        return type(self)(names=self.names, off=off)

    def fitted(self, names: Sequence[str]) -> Self:
        """The same where the settings name *names* by now; new ones come last, and are on."""
        kept = [name for name in self.names if name in names]
        new = [name for name in names if name not in kept]
        return type(self)(names=(*kept, *new), off=self.off.intersection(names))
