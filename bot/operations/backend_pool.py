"""The places where mattes are made, in the order that admins want."""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from backends.base import OverlayBackend
from backends.errors import FailureKind
from backends.factory import (
    BackendState,
    UnavailableBackend,
    assemble_chain,
    create_no_backend_error,
)
from backends.local.video_cli import DEFAULT_PROGRAM
from backends.resilience.circuit_breaker import BreakerState
from backends.resilience.throughput import EngineSpeeds
from bot.database.repository import KeyValueStore
from bot.operations.alerts import AdminAlerts, AlertingBackend
from bot.operations.backend_availability import (
    RECHECK_SECONDS,
    AvailabilityMonitor,
)
from settings import Settings
from video_editing.contract.engines import ENGINES


class BackendOrder(BaseModel):
    """All places, best first.

    Attributes:
        names: of all places, those that are off among them.
        off: those that are not asked.
    """

    model_config = ConfigDict(frozen=True)

    names: tuple[str, ...]
    off: frozenset[str] = frozenset()

    @property
    def enabled(self) -> tuple[str, ...]:
        """Those that are asked, in order."""
        return tuple(name for name in self.names if name not in self.off)

    def restrict_to(self, names: Sequence[str]) -> Self:
        """*names* in their order; all others are off."""
        others = tuple(name for name in self.names if name not in names)
        return type(self)(names=(*dict.fromkeys(names), *others), off=frozenset(others))

    def put_first(self, name: str) -> Self:
        """*name* before all others, and on."""
        others = (other for other in self.names if other != name)
        return type(self)(names=(name, *others), off=self.off - {name})

    def move_up(self, name: str) -> Self:
        """*name* one place earlier."""
        at = self.names.index(name)
        before = self.names[max(at - 1, 0)]
        names = list(self.names)
        names[names.index(before)], names[at] = name, before
        return type(self)(names=tuple(names), off=self.off)

    def set_enabled(self, name: str, *, is_enabled: bool) -> Self:
        """*name* on or off."""
        off = self.off - {name} if is_enabled else self.off | {name}
        return type(self)(names=self.names, off=off)

    def fit_to(self, names: Sequence[str]) -> Self:
        """The same where the settings name *names* by now; new ones come last, and are on."""
        kept = [name for name in self.names if name in names]
        new = [name for name in names if name not in kept]
        return type(self)(names=(*kept, *new), off=self.off.intersection(names))


log = logging.getLogger(__name__)

ORDER_KEY = "places"  #: under which the ranking is kept; None is the settings' own


class UnknownBackend(Exception):
    """The settings name no such place."""


class LastBackend(Exception):
    """Without it nobody would be left to ask."""


@dataclass(frozen=True, slots=True)
class BackendHealth:
    """How a place is.

    Attributes:
        name: as everywhere.
        is_enabled: whether admins want it asked.
        unavailable_because: why it was left out; None where it is there.
        cooldown_seconds: until it is asked again after it failed; 0 where it is not left alone.
        failures: how many came in a row, up to now.
        speeds: frames a second of late, by engine.
    """

    name: str
    is_enabled: bool
    unavailable_because: FailureKind | None
    cooldown_seconds: float
    failures: int
    speeds: EngineSpeeds


class BackendPool:
    """Those that OVERLAY_BACKENDS names; who is there, who was left out, and who is asked first.

    A place is called by its name everywhere, a service of one's own by its host.
    """

    def __init__(
        self,
        settings: Settings,
        store: KeyValueStore,
        program: Sequence[str] = DEFAULT_PROGRAM,
        alerts: AdminAlerts | None = None,
    ) -> None:
        """Know them by name; nobody has been looked at yet.

        Args:
            settings: of everything.
            store: where the order is kept.
            program: what to run in place of the command line.
            alerts: who is told of places that refuse us.
        """
        self._settings = settings.backends
        self._store = store
        self._alerts = alerts
        self._state = BackendState(settings.storage.folder)
        self._availability = AvailabilityMonitor(settings, program, alerts)
        self._order: BackendOrder | None = None
        self._order_lock = asyncio.Lock()

    @classmethod
    async def create(
        cls,
        settings: Settings,
        store: KeyValueStore,
        program: Sequence[str] = DEFAULT_PROGRAM,
        alerts: AdminAlerts | None = None,
    ) -> Self:
        """Look at every place, and remember the order that admins chose.

        Raises:
            NobodyThere: no place is configured and there.
        """
        places = cls(settings, store, program, alerts)
        await places._availability.check_all()
        if not places._availability.available:
            raise create_no_backend_error(settings.backends)
        await places.load_order()
        return places

    @property
    def names(self) -> tuple[str, ...]:
        """Of all places, best first, whether they are asked or not."""
        return self._current_order.names

    @property
    def is_automatic(self) -> bool:
        """Whether the order is the settings' own, with nobody switched off."""
        return self._order is None

    def create_chain(self) -> OverlayBackend:
        """What a new job asks; it stays as it is whatever admins change afterwards."""
        on, there = self._current_order.enabled, self._availability.available
        asked = [there[name] for name in on if name in there] or [
            UnavailableBackend(self._availability.unavailable[name]) for name in on
        ]
        return assemble_chain(asked, self._state, self._settings, self._add_alerts)

    def get_health(self) -> list[BackendHealth]:
        """How each place is, best first."""
        rests = self._state.breaker_states.read()
        return [self._build_health(name, rests.get(name, BreakerState())) for name in self.names]

    async def load_order(self) -> None:
        """Take the order that was kept; without one that fits, the settings' own."""
        kept = await self._store.get(ORDER_KEY)
        try:
            ranking = None if kept is None else BackendOrder.model_validate(kept)
        except ValidationError:
            ranking = None
        ranking = ranking and ranking.fit_to(self._availability.names)
        if ranking and not ranking.enabled:
            log.warning("all places that the settings name were switched off; all are on again")
            ranking = None
        self._order = ranking

    async def set_order(self, names: Sequence[str]) -> None:
        """Ask *names* in their order from now on, and nobody else.

        Raises:
            UnknownPlace: one of them is not in the settings.
            LastPlace: none of them is there.
        """
        self._require_known(names)
        async with self._order_lock:
            await self._save_order(self._current_order.restrict_to(names))

    async def put_first(self, name: str) -> None:
        """Ask *name* before all others; they stay its fallback. Raises UnknownPlace."""
        self._require_known([name])
        async with self._order_lock:
            await self._save_order(self._current_order.put_first(name))

    async def move_up(self, name: str) -> None:
        """Ask *name* one place earlier. Raises UnknownPlace."""
        self._require_known([name])
        async with self._order_lock:
            await self._save_order(self._current_order.move_up(name))

    async def set_enabled(self, name: str, *, is_enabled: bool) -> None:
        """Ask *name* again, or no more.

        Raises:
            UnknownPlace: it is not in the settings.
            LastPlace: nobody who is there would be left.
        """
        self._require_known([name])
        async with self._order_lock:
            await self._save_order(self._current_order.set_enabled(name, is_enabled=is_enabled))

    async def reset_order(self) -> None:
        """Ask everybody, in the settings' order."""
        async with self._order_lock:
            await self._store.put(ORDER_KEY, None)
            self._order = None

    async def recheck_unavailable(self) -> None:
        """See whether those who were left out are there by now."""
        await self._availability.recheck_unavailable()

    async def watch(self, seconds: float = RECHECK_SECONDS) -> None:
        """Look at services that were left out, every so many *seconds*, without an end."""
        await self._availability.watch(seconds)

    @property
    def _current_order(self) -> BackendOrder:
        return self._order or BackendOrder(names=self._availability.names)

    def _require_known(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._availability.names:
                raise UnknownBackend(name)

    async def _save_order(self, order: BackendOrder) -> None:
        if order.off - self._current_order.off and not self._availability.available.keys() & set(
            order.enabled
        ):
            raise LastBackend
        await self._store.put(ORDER_KEY, order.model_dump(mode="json"))
        self._order = order

    def _add_alerts(self, backend: OverlayBackend) -> OverlayBackend:
        return backend if self._alerts is None else AlertingBackend(backend, self._alerts)

    def _build_health(self, name: str, rest: BreakerState) -> BackendHealth:
        absent, known = self._availability.unavailable.get(name), self._state.estimates
        speeds = {engine: known.get_speed(name, engine) for engine in ENGINES}
        return BackendHealth(
            name,
            name in self._current_order.enabled,
            None if absent is None else absent.kind,
            self._get_cooldown(rest),
            rest.failures,
            {engine: speed for engine, speed in speeds.items() if speed is not None},
        )

    def _get_cooldown(self, rest: BreakerState) -> float:
        """Seconds; an end further ahead than a rest takes is of before the machine started."""
        left = rest.until - time.monotonic()
        failed = rest.failures >= self._settings.failure_threshold
        open_ = failed and 0 < left <= self._settings.cooldown
        return left if open_ else 0.0
