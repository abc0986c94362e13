"""From settings to places: those that are configured and there, in the order of asking."""

import logging
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from backends.base import OverlayBackend
from backends.errors import BackendUnavailable, Why
from backends.local.process import Limits
from backends.local.video_cli import COMMAND
from backends.resilience.circuit_breaker import Breaker, Rest
from backends.resilience.fallback import FallbackChain
from backends.resilience.retry import PASSING, Retrying
from backends.resilience.throughput import Estimates, Measured, Speeds
from backends.state_file import Shelf
from settings import Backends, Local, Remote, Settings

log = logging.getLogger(__name__)

#: faults of a service that may be back before the first job, which looks again
AWAY = (*PASSING, Why.TOO_SLOW)


class NobodyThere(Exception):  # noqa: N818
    """No place that OVERLAY_BACKENDS names is configured and there, so nothing can be done."""


class Known:
    """How fast all places are and how each fared, as kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self.estimates = Estimates(Shelf(folder / "speeds.json", Speeds))
        self.rests = Shelf(folder / "rests.json", Rest)


async def chosen(name: str, settings: Settings, program: Sequence[str] = COMMAND) -> OverlayBackend:
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
            return await chain(settings, program)
        case "local-cpu":
            return await _local(name, "cpu", settings.local, settings.local.cpu_price, program)
        case "local-gpu":
            return await _local(name, "cuda", settings.local, settings.local.gpu_price, program)
        case "modal":
            return await _remote(name, settings.remote, program)
        case address:
            own = {"endpoint": address, "price": 0.0}
            return await _remote(called(name), settings.remote.model_copy(update=own), program)


def called(name: str) -> str:
    """How the place that settings call *name* is called everywhere else; a service by its host."""
    return urlsplit(name).netloc.rpartition("@")[2] or name


async def chain(settings: Settings, program: Sequence[str] = COMMAND) -> FallbackChain:
    """The chain that OVERLAY_BACKENDS describes; who is not there is left out.

    Raises:
        NobodyThere: it would be empty.
    """
    known = Known(settings.storage.folder)
    places: list[OverlayBackend] = []
    for name in settings.backends.names:
        try:
            places.append(await found(name, settings, known, program))
        except BackendUnavailable as failure:
            log.warning("left out: %s", failure)
    if not places:
        raise nobody(settings.backends)
    return FallbackChain(places, known.estimates, deadline=settings.backends.deadline)


async def found(
    name: str, settings: Settings, known: Known, program: Sequence[str] = COMMAND
) -> OverlayBackend:
    """The place called *name*, measured and guarded, as it stands in a chain.

    Raises:
        BackendUnavailable: it is not configured, not there or not safe.
    """
    place = await chosen(name, settings, program)
    return guarded(Measured(place, known.estimates), known.rests, settings.backends)


def nobody(settings: Backends) -> NobodyThere:
    """What to say where a chain would be empty."""
    names = ",".join(settings.names)
    return NobodyThere(f"OVERLAY_BACKENDS={names}: none of them is configured and there")


def guarded(place: OverlayBackend, rests: Shelf[Rest], settings: Backends) -> OverlayBackend:
    """*place*, asked again where it fails in passing, and left alone where it fails for good."""
    retrying = Retrying(place, attempts=settings.attempts, seconds=settings.retry_seconds)
    if place.name == "local-cpu":  # what one child died of says nothing about the next job's
        return retrying
    return Breaker(retrying, rests, failures=settings.failures, cooldown=settings.cooldown)


async def _local(
    name: str, device: str, settings: Local, price: float, program: Sequence[str]
) -> OverlayBackend:
    from backends.local.backend import LocalBackend  # noqa: PLC0415 - only what the settings name

    limits = Limits(settings.seconds, settings.patience, settings.memory_mb * 1_000_000)
    place = LocalBackend(name, device, limits, price=price, program=program)
    if device == "cuda":
        await place.check(settings.model)
    return place


async def _remote(name: str, settings: Remote, program: Sequence[str]) -> OverlayBackend:
    if not settings.endpoint:
        raise BackendUnavailable(name, Why.NOT_CONFIGURED, "MODAL_OVERLAY_ENDPOINT is not set")
    from backends.remote.backend import RemoteBackend  # noqa: PLC0415 - only what the settings name

    place = RemoteBackend(name, settings, program=program)
    try:
        await place.check()
    except BackendUnavailable as failure:
        if failure.why not in AWAY:
            raise
        log.warning("kept, though it does not answer now: %s", failure)
    return place
