"""The places where mattes are made, in the order that admins want."""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from backends.base import OverlayBackend
from backends.errors import Why
from backends.factory import Known, nobody
from backends.local.video_cli import COMMAND
from backends.resilience.circuit_breaker import Rest
from backends.resilience.fallback import FallbackChain
from backends.resilience.throughput import Speeds
from bot.database.repository import Knobs
from bot.operations.alerts import Alarmed, Alarms
from bot.operations.backend_availability import LOOK_SECONDS, Absent, Lookout
from settings import Settings


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


log = logging.getLogger(__name__)

KNOB = "places"  #: under which the ranking is kept; None is the settings' own
ENGINES = ("mediapipe", "rembg")


class UnknownPlace(Exception):  # noqa: N818 - it says what is wrong
    """The settings name no such place."""


class LastPlace(Exception):  # noqa: N818 - as above
    """Without it nobody would be left to ask."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a place is.

    Attributes:
        name: as everywhere.
        on: whether admins want it asked.
        absent: why it was left out; None where it is there.
        resting: seconds until it is asked again after it failed; 0 where it is not left alone.
        failures: how many came in a row, up to now.
        speeds: frames a second of late, by engine.
    """

    name: str
    on: bool
    absent: Why | None
    resting: float
    failures: int
    speeds: Speeds


class Places:
    """Those that OVERLAY_BACKENDS names; who is there, who was left out, and who is asked first.

    A place is called by its name everywhere, a service of one's own by its host.
    """

    def __init__(
        self,
        settings: Settings,
        knobs: Knobs,
        program: Sequence[str] = COMMAND,
        alarms: Alarms | None = None,
    ) -> None:
        """Know them by name; nobody has been looked at yet.

        Args:
            settings: of everything.
            knobs: where the order is kept.
            program: what to run in place of the command line.
            alarms: who is told of places that refuse us.
        """
        self._settings = settings.backends
        self._knobs = knobs
        self._alarms = alarms
        self._known = Known(settings.storage.folder)
        self._lookout = Lookout(settings, self._known, program, alarms)
        self._ranking: Ranking | None = None
        self._changing = asyncio.Lock()

    @classmethod
    async def build(
        cls,
        settings: Settings,
        knobs: Knobs,
        program: Sequence[str] = COMMAND,
        alarms: Alarms | None = None,
    ) -> Self:
        """Look at every place, and remember the order that admins chose.

        Raises:
            NobodyThere: no place is configured and there.
        """
        places = cls(settings, knobs, program, alarms)
        await places._lookout.look()
        if not places._lookout.there:
            raise nobody(settings.backends)
        await places.recall()
        return places

    @property
    def names(self) -> tuple[str, ...]:
        """Of all places, best first, whether they are asked or not."""
        return self._ranked.names

    @property
    def auto(self) -> bool:
        """Whether the order is the settings' own, with nobody switched off."""
        return self._ranking is None

    def chain(self) -> OverlayBackend:
        """What a new job asks; it stays as it is whatever admins change afterwards."""
        on, there = self._ranked.on, self._lookout.there
        asked = [there[name] for name in on if name in there] or [
            Absent(self._lookout.absent[name]) for name in on
        ]
        return self._alarmed(
            FallbackChain(
                [self._alarmed(place) for place in asked],
                self._known.estimates,
                deadline=self._settings.deadline,
            )
        )

    def health(self) -> list[Health]:
        """How each place is, best first."""
        rests = self._known.rests.read()
        return [self._health(name, rests.get(name, Rest())) for name in self.names]

    async def recall(self) -> None:
        """Take the order that was kept; without one that fits, the settings' own."""
        kept = await self._knobs.get(KNOB)
        try:
            ranking = None if kept is None else Ranking.model_validate(kept)
        except ValidationError:
            ranking = None
        ranking = ranking and ranking.fitted(self._lookout.names)
        if ranking and not ranking.on:
            log.warning("all places that the settings name were switched off; all are on again")
            ranking = None
        self._ranking = ranking

    async def order(self, names: Sequence[str]) -> None:
        """Ask *names* in their order from now on, and nobody else.

        Raises:
            UnknownPlace: one of them is not in the settings.
            LastPlace: none of them is there.
        """
        self._must_know(names)
        async with self._changing:
            await self._rank(self._ranked.only(names))

    async def first(self, name: str) -> None:
        """Ask *name* before all others; they stay its fallback. Raises UnknownPlace."""
        self._must_know([name])
        async with self._changing:
            await self._rank(self._ranked.first(name))

    async def up(self, name: str) -> None:
        """Ask *name* one place earlier. Raises UnknownPlace."""
        self._must_know([name])
        async with self._changing:
            await self._rank(self._ranked.up(name))

    async def switch(self, name: str, *, on: bool) -> None:
        """Ask *name* again, or no more.

        Raises:
            UnknownPlace: it is not in the settings.
            LastPlace: nobody who is there would be left.
        """
        self._must_know([name])
        async with self._changing:
            await self._rank(self._ranked.switched(name, on=on))

    async def automatic(self) -> None:
        """Ask everybody, in the settings' order."""
        async with self._changing:
            await self._knobs.put(KNOB, None)
            self._ranking = None

    async def look_again(self) -> None:
        """See whether those who were left out are there by now."""
        await self._lookout.look_again()

    async def watch(self, seconds: float = LOOK_SECONDS) -> None:
        """Look at services that were left out, every so many *seconds*, without an end."""
        await self._lookout.watch(seconds)

    @property
    def _ranked(self) -> Ranking:
        return self._ranking or Ranking(names=self._lookout.names)

    def _must_know(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._lookout.names:
                raise UnknownPlace(name)

    async def _rank(self, ranking: Ranking) -> None:
        if ranking.off - self._ranked.off and not self._lookout.there.keys() & set(ranking.on):
            raise LastPlace
        await self._knobs.put(KNOB, ranking.model_dump(mode="json"))
        self._ranking = ranking

    def _alarmed(self, place: OverlayBackend) -> OverlayBackend:
        return place if self._alarms is None else Alarmed(place, self._alarms)

    def _health(self, name: str, rest: Rest) -> Health:
        absent, known = self._lookout.absent.get(name), self._known.estimates
        speeds = {engine: known.speed(name, engine) for engine in ENGINES}
        return Health(
            name,
            name in self._ranked.on,
            None if absent is None else absent.why,
            self._resting(rest),
            rest.failures,
            {engine: speed for engine, speed in speeds.items() if speed is not None},
        )

    def _resting(self, rest: Rest) -> float:
        """Seconds; an end further ahead than a rest takes is of before the machine started."""
        left = rest.until - time.monotonic()
        failed = rest.failures >= self._settings.failures
        open_ = failed and 0 < left <= self._settings.cooldown
        return left if open_ else 0.0
