"""From settings to places: those that are configured and there, in the order of asking."""

import logging
from urllib.parse import urlsplit

from backends.backend import OverlayBackend
from backends.breaker import Breaker, Rest
from backends.chain import FallbackChain
from backends.child import Limits
from backends.errors import BackendUnavailable, Why
from backends.estimates import Estimates, Measured, Speeds
from backends.retrying import PASSING, Retrying
from backends.shelf import Shelf
from settings import Backends, Local, Remote, Settings

log = logging.getLogger(__name__)

#: faults of a service that may be back before the first job, which looks again
AWAY = (*PASSING, Why.TOO_SLOW)


class NobodyThere(Exception):  # noqa: N818
    """No place that OVERLAY_BACKENDS names is configured and there, so nothing can be done."""


async def chosen(name: str, settings: Settings) -> OverlayBackend:
    """The place called *name*, or the whole chain.

    Args:
        name: "chain", "local-cpu", "local-gpu", "modal" or the https address of a service.
        settings: of everything.

    Raises:
        BackendUnavailable: it is not configured, not there or not safe.
        NobodyThere: the chain would be empty.
    """
    match name:
        case "chain":
            return await chain(settings)
        case "local-cpu":
            return await _local(name, "cpu", settings.local, settings.local.cpu_price)
        case "local-gpu":
            return await _local(name, "cuda", settings.local, settings.local.gpu_price)
        case "modal":
            return await _remote(name, settings.remote)
        case address:
            own = {"endpoint": address, "price": 0.0}
            return await _remote(urlsplit(address).netloc, settings.remote.model_copy(update=own))


async def chain(settings: Settings) -> FallbackChain:
    """The chain that OVERLAY_BACKENDS describes; who is not there is left out.

    Raises:
        NobodyThere: it would be empty.
    """
    estimates = Estimates(Shelf(settings.storage.folder / "speeds.json", Speeds))
    rests = Shelf(settings.storage.folder / "rests.json", Rest)
    places: list[OverlayBackend] = []
    for name in settings.backends.names:
        try:
            place = await chosen(name, settings)
        except BackendUnavailable as failure:
            log.warning("left out: %s", failure)
        else:
            measured = Measured(place, estimates)
            places.append(guarded(measured, rests, settings.backends))
    if not places:
        names = ",".join(settings.backends.names)
        raise NobodyThere(f"OVERLAY_BACKENDS={names}: none of them is configured and there")
    return FallbackChain(places, estimates, deadline=settings.backends.deadline)


def guarded(place: OverlayBackend, rests: Shelf[Rest], settings: Backends) -> OverlayBackend:
    """*place*, asked again where it fails in passing, and left alone where it fails for good."""
    retrying = Retrying(place, attempts=settings.attempts, seconds=settings.retry_seconds)
    if place.name == "local-cpu":  # what one child died of says nothing about the next job's
        return retrying
    return Breaker(retrying, rests, failures=settings.failures, cooldown=settings.cooldown)


async def _local(name: str, device: str, settings: Local, price: float) -> OverlayBackend:
    from backends.local import LocalBackend  # noqa: PLC0415 - only what the settings name

    limits = Limits(settings.seconds, settings.patience, settings.memory_mb * 1_000_000)
    place = LocalBackend(name, device, limits, price=price)
    if device == "cuda":
        await place.check(settings.model)
    return place


async def _remote(name: str, settings: Remote) -> OverlayBackend:
    if not settings.endpoint:
        raise BackendUnavailable(name, Why.NOT_CONFIGURED, "MODAL_OVERLAY_ENDPOINT is not set")
    from backends.remote import RemoteBackend  # noqa: PLC0415 - only what the settings name

    place = RemoteBackend(name, settings)
    try:
        await place.check()
    except BackendUnavailable as failure:
        if failure.why not in AWAY:
            raise
        log.warning("kept, though it does not answer now: %s", failure)
    return place
