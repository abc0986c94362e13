"""The backends in use, in the order that admins chose."""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from backends.base import OverlayBackend
from backends.errors import BackendUnavailable, FailureKind
from backends.factory import (
    BackendState,
    UnavailableBackend,
    assemble_chain,
    create_no_backend_error,
    list_prices,
)
from backends.local.backend import LocalBackend
from backends.local.video_cli import DEFAULT_PROGRAM
from backends.resilience.circuit_breaker import BreakerState
from backends.resilience.throughput import EngineSpeeds
from backends.state_file import JsonStateFile
from bot.database.repository import KeyValueStore
from bot.operations.alerts import AdminAlerts, ObservedBackend
from bot.operations.backend_availability import (
    RECHECK_SECONDS,
    AvailabilityMonitor,
)
from settings import Settings

#: what says nothing new: a missing setting, and the refusal to ask a backend that failed before
UNRECORDED_FAILURES = (
    FailureKind.NOT_CONFIGURED,
    FailureKind.COOLING_DOWN,
    FailureKind.ALL_FAILED,
)


class LastFailure(BaseModel):
    """The last failure of a backend: why, and when, in seconds since 1970."""

    kind: FailureKind
    at: float


class BackendOrder(BaseModel):
    """The order in which backends are tried.

    Attributes:
        names: of all backends, first to last, including those that are off.
        off: names of backends that are not used.
    """

    model_config = ConfigDict(frozen=True)

    names: tuple[str, ...]
    off: frozenset[str] = frozenset()

    @property
    def enabled(self) -> tuple[str, ...]:
        """The names of the backends in use, in order."""
        return tuple(name for name in self.names if name not in self.off)

    def restrict_to(self, names: Sequence[str]) -> Self:
        """Return *names* in their order, with all others off."""
        others = tuple(name for name in self.names if name not in names)
        return type(self)(names=(*dict.fromkeys(names), *others), off=frozenset(others))

    def put_first(self, name: str) -> Self:
        """Return the order with *name* first, and on."""
        others = (other for other in self.names if other != name)
        return type(self)(names=(name, *others), off=self.off - {name})

    def move_up(self, name: str) -> Self:
        """Return the order with *name* one position earlier."""
        names = list(self.names)
        index = names.index(name)
        previous = max(index - 1, 0)
        names[previous], names[index] = names[index], names[previous]
        return type(self)(names=tuple(names), off=self.off)

    def set_enabled(self, name: str, *, is_enabled: bool) -> Self:
        """Return the order with *name* on or off."""
        off = self.off - {name} if is_enabled else self.off | {name}
        return type(self)(names=self.names, off=off)

    def fit_to(self, names: Sequence[str]) -> Self:
        """Return the order for the backends *names* of changed settings; new ones come last, on."""
        known = [name for name in self.names if name in names]
        new = [name for name in names if name not in known]
        return type(self)(names=(*known, *new), off=self.off.intersection(names))


log = logging.getLogger(__name__)

ORDER_KEY = "places"  #: of the order in the database; None there means the order of the settings


class UnknownBackend(Exception):
    """The settings name no such backend."""


class LastBackend(Exception):
    """It is the last backend that is available and on."""


@dataclass(frozen=True, slots=True)
class BackendHealth:
    """The state of one backend.

    Attributes:
        name: as in settings, logs, metrics and messages to admins.
        is_enabled: whether admins left it on.
        unavailable_because: why it cannot be used; None where it can.
        cooldown_seconds: until it is used again after failures; 0 without a cooldown.
        failures: the number of the last failures in a row.
        speeds: recent frames per second, by engine.
        guesses: the same for engines that no job has measured.
        price: dollars a second.
        last_failure: why and when it failed last; None if it never did.
    """

    name: str
    is_enabled: bool
    unavailable_because: FailureKind | None
    cooldown_seconds: float
    failures: int
    speeds: EngineSpeeds
    guesses: EngineSpeeds
    price: float
    last_failure: LastFailure | None

    @property
    def state(self) -> str:
        """The state in one word, as texts and pages name it."""
        if not self.is_enabled:
            return "off"
        if self.unavailable_because:
            return "absent"
        if self.cooldown_seconds:
            return "resting"
        return "failing" if self.failures else "there"


class BackendPool:
    """The backends that OVERLAY_BACKENDS names, with their availability and order.

    A service of the operator's own has its host as its name.
    """

    def __init__(
        self,
        settings: Settings,
        store: KeyValueStore,
        program: Sequence[str] = DEFAULT_PROGRAM,
        alerts: AdminAlerts | None = None,
    ) -> None:
        """Prepare; nothing is checked yet, see :meth:`create`.

        Args:
            settings: of the whole process.
            store: where the order is stored.
            program: the command line of video_editing.
            alerts: receives failures that the operator must repair.
        """
        self._settings = settings.backends
        self._store = store
        self._alerts = alerts
        self._state = BackendState(settings.storage.folder)
        self._prices = list_prices(settings)
        self._last_failures = JsonStateFile(
            settings.storage.folder / "last_failures.json", LastFailure
        )
        self._availability = AvailabilityMonitor(settings, program, self._handle_failure)
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
        """Create the pool, check every backend, and load the order that admins chose.

        Raises:
            NoBackendAvailable: no configured backend can be used.
        """
        pool = cls(settings, store, program, alerts)
        await pool._availability.check_all()
        if not pool._availability.available:
            raise create_no_backend_error(settings.backends)
        await pool.load_order()
        return pool

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all backends in their order, on and off."""
        return self._current_order.names

    @property
    def is_automatic(self) -> bool:
        """Whether the order is that of the settings, with all backends on."""
        return self._order is None

    def create_chain(self) -> OverlayBackend:
        """Return the backends for a new job, which later changes of the order do not affect."""
        names, available = self._current_order.enabled, self._availability.available
        backends = [available[name] for name in names if name in available] or [
            UnavailableBackend(self._availability.unavailable[name]) for name in names
        ]
        return assemble_chain(backends, self._state, self._settings, self._observe)

    def get_health(self) -> list[BackendHealth]:
        """Return the state of each backend, in their order."""
        states = self._state.breaker_states.read()
        last_failures = self._last_failures.read()
        return [
            self._build_health(name, states.get(name, BreakerState()), last_failures.get(name))
            for name in self.names
        ]

    async def load_order(self) -> None:
        """Load the stored order; without a valid one, use that of the settings."""
        stored = await self._store.get(ORDER_KEY)
        try:
            order = None if stored is None else BackendOrder.model_validate(stored)
        except ValidationError:
            order = None
        order = order and order.fit_to(self._availability.names)
        if order and not order.enabled:
            log.warning("all backends of the settings were off; all are on again")
            order = None
        self._order = order

    async def set_order(self, names: Sequence[str]) -> None:
        """Use *names* in their order from now on, and switch all others off.

        Raises:
            UnknownBackend: one of them is not in the settings.
            LastBackend: none of them is available.
        """
        self._require_known(names)
        async with self._order_lock:
            await self._save_order(self._current_order.restrict_to(names))

    async def put_first(self, name: str) -> None:
        """Try *name* before all others, which stay its fallback. Raises UnknownBackend."""
        self._require_known([name])
        async with self._order_lock:
            await self._save_order(self._current_order.put_first(name))

    async def move_up(self, name: str) -> None:
        """Try *name* one position earlier. Raises UnknownBackend."""
        self._require_known([name])
        async with self._order_lock:
            await self._save_order(self._current_order.move_up(name))

    async def set_enabled(self, name: str, *, is_enabled: bool) -> None:
        """Switch *name* on or off.

        Raises:
            UnknownBackend: it is not in the settings.
            LastBackend: no available backend would be left.
        """
        self._require_known([name])
        async with self._order_lock:
            await self._save_order(self._current_order.set_enabled(name, is_enabled=is_enabled))

    async def reset_order(self) -> None:
        """Switch all backends on, in the order of the settings."""
        async with self._order_lock:
            await self._store.put(ORDER_KEY, None)
            self._order = None

    async def recheck(self, name: str) -> bool:
        """Check one backend now; return whether it is available. Raises UnknownBackend."""
        self._require_known([name])
        return await self._availability.recheck(name)

    async def recheck_unavailable(self) -> None:
        """Check whether the unavailable backends are available now."""
        await self._availability.recheck_unavailable()

    async def watch(self, seconds: float = RECHECK_SECONDS) -> None:
        """Measure the backends of this machine, then see :meth:`AvailabilityMonitor.watch`."""
        await self._measure_local_backends()
        await self._availability.watch(seconds)

    def get_speed(self, engine: str) -> float | None:
        """Return the measured frames a second of the backend that a new job asks first."""
        available = self._availability.available
        first = next((name for name in self._current_order.enabled if name in available), None)
        return (
            None if first is None else self._state.estimates.get_measured_speeds(first).get(engine)
        )

    async def _measure_local_backends(self) -> None:
        """Measure each engine on this machine, unless jobs have measured it before."""
        for name, backend in self._availability.available.items():
            if not isinstance(backend, LocalBackend):
                continue
            try:
                speeds = await backend.measure_speeds()
            except BackendUnavailable as failure:
                log.warning("not measured: %s", failure)
                continue
            for engine, speed in speeds.items():
                if not speed or self._state.estimates.get_speed(name, engine) in (None, 0):
                    self._state.estimates.set_speed(name, engine, speed)

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

    def _observe(self, backend: OverlayBackend) -> OverlayBackend:
        return ObservedBackend(backend, self._handle_failure)

    def _handle_failure(self, failure: BackendUnavailable) -> None:
        """Remember when and why a backend failed, and tell admins what they must repair."""
        if failure.kind not in UNRECORDED_FAILURES:
            with self._last_failures.update() as last_failures:
                last_failures[failure.backend] = LastFailure(kind=failure.kind, at=time.time())
        if self._alerts:
            self._alerts.handle_failure(failure)

    def _build_health(
        self, name: str, state: BreakerState, last_failure: LastFailure | None
    ) -> BackendHealth:
        failure, estimates = self._availability.unavailable.get(name), self._state.estimates
        return BackendHealth(
            name,
            name in self._current_order.enabled,
            None if failure is None else failure.kind,
            self._get_cooldown(state),
            state.failures,
            estimates.get_measured_speeds(name),
            estimates.get_guessed_speeds(name),
            self._prices.get(name, 0.0),
            last_failure,
        )

    def _get_cooldown(self, state: BreakerState) -> float:
        """Return the seconds until the cooldown ends; 0 without one.

        An end beyond the longest cooldown was stored before the machine restarted its clock.
        """
        seconds_left = state.until - time.monotonic()
        has_failed = state.failures >= self._settings.failure_threshold
        is_cooling = has_failed and 0 < seconds_left <= self._settings.cooldown
        return seconds_left if is_cooling else 0.0
