"""Create backends from the settings: one of them, or the chain that a job asks."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn
from urllib.parse import urlsplit

from backends.base import OverlayBackend
from backends.errors import BackendUnavailable, FailureKind
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM
from backends.resilience.circuit_breaker import BreakerState, CircuitBreaker
from backends.resilience.fallback import FallbackChain, LoadBalancer
from backends.resilience.retry import TRANSIENT_FAILURES, RetryingBackend
from backends.resilience.throughput import EngineSpeeds, MeasuredBackend, ThroughputEstimates
from backends.state_file import JsonStateFile
from settings import BackendSettings, LocalSettings, RemoteSettings, Settings

if TYPE_CHECKING:
    from backends.remote.backend import RemoteBackend

log = logging.getLogger(__name__)

#: failures of a service that may be over before the first job, which checks it again
TOLERATED_AT_STARTUP = (*TRANSIENT_FAILURES, FailureKind.TOO_SLOW)

SERVICE_RENDERERS = ("service", "auto")  #: values of RENDERER with which services render

BackendWrapper = Callable[[OverlayBackend], OverlayBackend]


class NoBackendAvailable(Exception):
    """No backend in OVERLAY_BACKENDS is configured and available, so no mattes can be made."""


class BackendState:
    """The jobs of all backends, and in a folder their measured speeds and circuit breakers."""

    def __init__(self, folder: Path) -> None:
        self.estimates = ThroughputEstimates(JsonStateFile(folder / "speeds.json", EngineSpeeds))
        self.breaker_states = JsonStateFile(folder / "rests.json", BreakerState)
        self.running_jobs: Counter[str] = Counter()  #: of this process, by backend


class UnavailableBackend(OverlayBackend):
    """Stands for a backend that failed its check, and fails for the same reason."""

    def __init__(self, failure: BackendUnavailable) -> None:
        self.name = failure.backend
        self._failure = failure

    async def make_mattes(self, *_: object, **__: object) -> NoReturn:
        """See :class:`OverlayBackend`."""
        raise BackendUnavailable(self.name, self._failure.kind, self._failure.detail)


def assemble_chain(
    backends: Iterable[OverlayBackend],
    state: BackendState,
    settings: BackendSettings,
    add_alerts: BackendWrapper = lambda backend: backend,
) -> OverlayBackend:
    """Wrap *backends*, best first, into the backend that a job asks.

    From the outside in::

        add_alerts           tells admins that no backend is left
        FallbackChain        asks the backends in order, until one has made the mattes
          add_alerts         tells admins that this backend failed for good
          CircuitBreaker     does not ask a backend that failed recently
          RetryingBackend    asks again after a transient failure
          MeasuredBackend    measures the frames a second
          the backend

    A local processor has no circuit breaker: a child that one clip crashed says nothing about the
    next clip. An :class:`UnavailableBackend` has alerts only.
    """

    def wrap(backend: OverlayBackend) -> OverlayBackend:
        if isinstance(backend, UnavailableBackend):
            return add_alerts(backend)
        backend = _add_retries(MeasuredBackend(backend, state.estimates), settings)
        if backend.name != "local-cpu":
            backend = _add_breaker(backend, state, settings)
        return add_alerts(backend)

    groups = list_service_groups(settings)
    chain = FallbackChain(
        [wrap(backend) for backend in backends],
        state.estimates,
        LoadBalancer(state.running_jobs, groups),
        deadline=settings.deadline,
        time_factor=settings.time_factor,
    )
    return add_alerts(chain)


def _add_retries(backend: OverlayBackend, settings: BackendSettings) -> OverlayBackend:
    return RetryingBackend(backend, attempts=settings.attempts, max_seconds=settings.retry_seconds)


def _add_breaker(
    backend: OverlayBackend, state: BackendState, settings: BackendSettings
) -> OverlayBackend:
    return CircuitBreaker(
        backend,
        state.breaker_states,
        failure_threshold=settings.failure_threshold,
        cooldown=settings.cooldown,
    )


async def create_chain(
    settings: Settings, program: Sequence[str] = DEFAULT_PROGRAM
) -> OverlayBackend:
    """Create the chain that OVERLAY_BACKENDS describes, without the backends that fail their check.

    Raises:
        NoBackendAvailable: none is left.
    """
    backends: list[OverlayBackend] = []
    for name in settings.backends.members:
        try:
            backends.append(await create_backend(name, settings, program))
        except BackendUnavailable as failure:
            log.warning("left out: %s", failure)
    if not backends:
        raise create_no_backend_error(settings.backends)
    return assemble_chain(backends, BackendState(settings.storage.folder), settings.backends)


async def create_backend(
    name: str,
    settings: Settings,
    program: Sequence[str] = DEFAULT_PROGRAM,
    tolerated: Collection[FailureKind] = TOLERATED_AT_STARTUP,
) -> OverlayBackend:
    """Create one backend, or the chain.

    Args:
        name: "chain", "local-cpu", "local-gpu", "modal" or the https address of a service.
        settings: all settings.
        program: replaces the command line of `video_editing` in child processes.
        tolerated: failures of a service's check with which it is used nevertheless.

    Raises:
        BackendUnavailable: it is not configured, not available or not safe.
        NoBackendAvailable: the chain would be empty.
    """
    match name:
        case "chain":
            return await create_chain(settings, program)
        case "local-cpu":
            return await _create_local_backend(
                name, "cpu", settings.local, settings.local.cpu_price, program
            )
        case "local-gpu":
            return await _create_local_backend(
                name, "cuda", settings.local, settings.local.gpu_price, program
            )
        case "modal":
            remote = settings.remote
        case address:
            remote = _create_own_service_settings(address, settings.remote)
    backend = _create_remote_backend(get_display_name(name), settings, remote, program)
    try:
        await backend.check()
    except BackendUnavailable as failure:
        if failure.kind not in tolerated:
            raise
        log.warning("used, although it does not respond now: %s", failure)
    return backend


def list_services(settings: Settings) -> dict[str, RemoteSettings]:
    """Return the settings of the services that OVERLAY_BACKENDS names and that are configured."""
    services = {}
    for name in settings.backends.members:
        if name == "modal" and settings.remote.endpoint:
            services[name] = settings.remote
        elif "://" in name:
            remote = _create_own_service_settings(name, settings.remote)
            services[get_display_name(name)] = remote
    return services


def list_prices(settings: Settings) -> dict[str, float]:
    """Return the dollars a second of each backend that can have a price, by name."""
    services = list_services(settings).items()
    local = {"local-cpu": settings.local.cpu_price, "local-gpu": settings.local.gpu_price}
    return local | {name: service.price for name, service in services}


def list_service_groups(settings: BackendSettings) -> list[list[str]]:
    """Return the names of the services in each group of equal ones."""
    return [[get_display_name(name) for name in group] for group in settings.groups]


def _create_own_service_settings(address: str, settings: RemoteSettings) -> RemoteSettings:
    return settings.model_copy(update={"endpoint": address, "price": 0.0})


def get_display_name(name: str) -> str:
    """Return the name of a backend outside of the settings: the host, for an address."""
    return urlsplit(name).netloc.rpartition("@")[2] or name


def create_no_backend_error(settings: BackendSettings) -> NoBackendAvailable:
    """Create the error for an empty chain; its message names the variable."""
    names = ",".join(settings.names)
    return NoBackendAvailable(f"OVERLAY_BACKENDS={names}: none of them is configured and available")


async def _create_local_backend(
    name: str,
    device: Literal["cpu", "cuda"],
    settings: LocalSettings,
    price: float,
    program: Sequence[str],
) -> OverlayBackend:
    from backends.local.backend import LocalBackend  # noqa: PLC0415 - only what the settings name

    limits = ProcessLimits(
        settings.max_seconds, settings.stall_seconds, settings.memory_mb * 1_000_000
    )
    backend = LocalBackend(
        name, device, limits, price=price, weights=settings.rvm_weights, program=program
    )
    if device == "cuda":
        await backend.check(settings.rembg_model)
    return backend


def _create_remote_backend(
    name: str, settings: Settings, remote: RemoteSettings, program: Sequence[str]
) -> "RemoteBackend":
    if not remote.endpoint:
        raise BackendUnavailable(
            name, FailureKind.NOT_CONFIGURED, "MODAL_OVERLAY_ENDPOINT is not set"
        )
    from backends.remote.backend import RemoteBackend  # noqa: PLC0415 - only what the settings name

    keeps_clips = settings.rendering.renderer in SERVICE_RENDERERS
    return RemoteBackend(name, remote, keeps_clips=keeps_clips, program=program)
