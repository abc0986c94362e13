"""From settings to places: those that are configured and there, in the order of asking."""

import logging
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from backends.base import OverlayBackend
from backends.errors import BackendUnavailable, FailureKind
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM
from backends.resilience.circuit_breaker import BreakerState, CircuitBreaker
from backends.resilience.fallback import FallbackChain
from backends.resilience.retry import TRANSIENT_FAILURES, RetryingBackend
from backends.resilience.throughput import EngineSpeeds, MeasuredBackend, ThroughputEstimates
from backends.state_file import JsonStateFile
from settings import BackendSettings, LocalSettings, RemoteSettings, Settings

log = logging.getLogger(__name__)

#: faults of a service that may be back before the first job, which looks again
TOLERATED_AT_STARTUP = (*TRANSIENT_FAILURES, FailureKind.TOO_SLOW)


class NoBackendAvailable(Exception):
    """No place that OVERLAY_BACKENDS names is configured and there, so nothing can be done."""


class BackendState:
    """How fast all places are and how each fared, as kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self.estimates = ThroughputEstimates(JsonStateFile(folder / "speeds.json", EngineSpeeds))
        self.breaker_states = JsonStateFile(folder / "rests.json", BreakerState)


async def create_backend(
    name: str, settings: Settings, program: Sequence[str] = DEFAULT_PROGRAM
) -> OverlayBackend:
    """The place called *name*, or the whole chain.

    Args:
        name: "chain", "local-cpu", "local-gpu", "modal" or the https address of a service.
        settings: of everything.
        program: what to run in place of the command line.

    Raises:
        BackendUnavailable: it is not configured, not there or not safe.
        NobodyThere: the chain would be empty.
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
            return await _create_remote_backend(name, settings.remote, program)
        case address:
            own = {"endpoint": address, "price": 0.0}
            return await _create_remote_backend(
                get_display_name(name), settings.remote.model_copy(update=own), program
            )


def get_display_name(name: str) -> str:
    """How the place that settings call *name* is called everywhere else; a service by its host."""
    return urlsplit(name).netloc.rpartition("@")[2] or name


async def create_chain(
    settings: Settings, program: Sequence[str] = DEFAULT_PROGRAM
) -> FallbackChain:
    """The chain that OVERLAY_BACKENDS describes; who is not there is left out.

    Raises:
        NobodyThere: it would be empty.
    """
    state = BackendState(settings.storage.folder)
    backends: list[OverlayBackend] = []
    for name in settings.backends.names:
        try:
            backends.append(await create_resilient_backend(name, settings, state, program))
        except BackendUnavailable as failure:
            log.warning("left out: %s", failure)
    if not backends:
        raise create_no_backend_error(settings.backends)
    return FallbackChain(backends, state.estimates, deadline=settings.backends.deadline)


async def create_resilient_backend(
    name: str, settings: Settings, state: BackendState, program: Sequence[str] = DEFAULT_PROGRAM
) -> OverlayBackend:
    """The place called *name*, measured and guarded, as it stands in a chain.

    Raises:
        BackendUnavailable: it is not configured, not there or not safe.
    """
    backend = await create_backend(name, settings, program)
    return add_resilience(
        MeasuredBackend(backend, state.estimates), state.breaker_states, settings.backends
    )


def create_no_backend_error(settings: BackendSettings) -> NoBackendAvailable:
    """What to say where a chain would be empty."""
    names = ",".join(settings.names)
    return NoBackendAvailable(f"OVERLAY_BACKENDS={names}: none of them is configured and there")


def add_resilience(
    backend: OverlayBackend, breaker_states: JsonStateFile[BreakerState], settings: BackendSettings
) -> OverlayBackend:
    """*backend*, asked again where it fails in passing, and left alone where it fails for good."""
    retrying = RetryingBackend(
        backend, attempts=settings.attempts, max_seconds=settings.retry_seconds
    )
    if backend.name == "local-cpu":  # what one child died of says nothing about the next job's
        return retrying
    return CircuitBreaker(
        retrying,
        breaker_states,
        failure_threshold=settings.failure_threshold,
        cooldown=settings.cooldown,
    )


async def _create_local_backend(
    name: str, device: str, settings: LocalSettings, price: float, program: Sequence[str]
) -> OverlayBackend:
    from backends.local.backend import LocalBackend  # noqa: PLC0415 - only what the settings name

    limits = ProcessLimits(
        settings.max_seconds, settings.stall_seconds, settings.memory_mb * 1_000_000
    )
    backend = LocalBackend(name, device, limits, price=price, program=program)
    if device == "cuda":
        await backend.check(settings.rembg_model)
    return backend


async def _create_remote_backend(
    name: str, settings: RemoteSettings, program: Sequence[str]
) -> OverlayBackend:
    if not settings.endpoint:
        raise BackendUnavailable(
            name, FailureKind.NOT_CONFIGURED, "MODAL_OVERLAY_ENDPOINT is not set"
        )
    from backends.remote.backend import RemoteBackend  # noqa: PLC0415 - only what the settings name

    backend = RemoteBackend(name, settings, program=program)
    try:
        await backend.check()
    except BackendUnavailable as failure:
        if failure.kind not in TOLERATED_AT_STARTUP:
            raise
        log.warning("kept, though it does not answer now: %s", failure)
    return backend
