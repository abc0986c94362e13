"""Creation of the renderer that the settings name."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from backends.errors import BackendUnavailable, FailureKind
from backends.factory import SERVICE_RENDERERS, list_service_groups, list_services
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM, VideoCli
from backends.rendering.base import LocalRenderer, Renderer
from backends.rendering.budget import BudgetListener, MonthlyBudget
from backends.rendering.fallback import FailureListener, FallbackRenderer
from backends.rendering.speed import MeasuredRenderer, RenderSpeeds
from backends.resilience.fallback import LoadBalancer
from backends.shotstack.rate_limiter import ShotstackTimeouts
from backends.shotstack.render_log import RenderLog, RenderTracking
from settings import RenderingSettings, Settings
from video_editing.contract.progress import ignore

if TYPE_CHECKING:
    from backends.shotstack.renderer import ShotstackRenderer

log = logging.getLogger(__name__)


def create_renderer(
    settings: Settings,
    *,
    program: Sequence[str] = DEFAULT_PROGRAM,
    tracking: RenderTracking | None = None,
    on_failure: FailureListener = ignore,
    on_budget_exceeded: BudgetListener = ignore,
    timeouts: ShotstackTimeouts | None = None,
) -> Renderer:
    """Return the renderer that RENDERER names; the local renderer is the fallback of all others.

    With ``auto``, the order of each render follows from measured speeds.

    Args:
        settings: of all parts.
        program: the command that runs in place of the command line of video_editing.
        tracking: the log of renders at Shotstack, and where it sends callbacks; without it,
            renders are polled.
        on_failure: called with each failure of a renderer.
        on_budget_exceeded: called once in a month in which a render exceeds the budget.
        timeouts: of requests to Shotstack.
    """
    local = LocalRenderer(create_process_limits(settings), program)
    others: list[Renderer] = []
    if settings.rendering.renderer in SERVICE_RENDERERS:
        others += create_service_renderers(settings, program)
    if settings.rendering.renderer == "shotstack" or _may_spend_unasked(settings.rendering):
        others += _create_available_shotstack(
            lambda: create_shotstack_renderer(
                settings,
                program=program,
                tracking=tracking,
                on_budget_exceeded=on_budget_exceeded,
                timeouts=timeouts,
            )
        )
    if not others:
        return local
    if settings.rendering.renderer != "auto":
        balancer = LoadBalancer(Counter(), list_service_groups(settings.backends))
        return FallbackRenderer([*others, local], on_failure, balancer=balancer)
    speeds = RenderSpeeds(settings.storage.folder / "render_speeds.json")
    measured = [MeasuredRenderer(renderer, speeds) for renderer in (*others, local)]
    return FallbackRenderer(measured, on_failure, speeds.sort)


def _may_spend_unasked(settings: RenderingSettings) -> bool:
    """Return whether Shotstack may be chosen for its speed: in production, within a budget."""
    has_budget = settings.stage == "v1" and settings.monthly_budget is not None
    return settings.renderer == "auto" and has_budget


def create_service_renderers(
    settings: Settings, program: Sequence[str] = DEFAULT_PROGRAM
) -> list[Renderer]:
    """Return the renderers at the services of OVERLAY_BACKENDS, in their order."""
    # On demand: the bot holds only what it is configured for.
    from backends.remote.renderer import ServiceRenderer  # noqa: PLC0415 - only with a service

    services = list_services(settings)
    if not services:
        log.warning("no service renders: OVERLAY_BACKENDS names none that is configured")
    return [
        ServiceRenderer(name, remote, cooldown=settings.backends.cooldown, program=program)
        for name, remote in services.items()
    ]


def _create_available_shotstack(create: Callable[[], Renderer]) -> list[Renderer]:
    try:
        return [create()]
    except BackendUnavailable as failure:
        log.warning("renderer left out: %s", failure)
        return []


def create_shotstack_renderer(
    settings: Settings,
    *,
    program: Sequence[str] = DEFAULT_PROGRAM,
    tracking: RenderTracking | None = None,
    on_budget_exceeded: BudgetListener = ignore,
    timeouts: ShotstackTimeouts | None = None,
) -> "ShotstackRenderer":
    """Return the renderer at Shotstack without a fallback; see :func:`create_renderer`.

    Raises:
        BackendUnavailable: there is no key.
    """
    from backends.shotstack.renderer import ShotstackRenderer  # noqa: PLC0415 - only with its key

    if not settings.rendering.api_key.get_secret_value():
        detail = "SHOTSTACK_API_KEY is not set"
        raise BackendUnavailable(ShotstackRenderer.name, FailureKind.NOT_CONFIGURED, detail)
    return ShotstackRenderer(
        settings.rendering,
        settings.storage.folder,
        VideoCli(ShotstackRenderer.name, create_process_limits(settings), program),
        create_monthly_budget(settings, on_budget_exceeded),
        tracking or RenderTracking(create_render_log(settings)),
        timeouts,
    )


def create_process_limits(settings: Settings) -> ProcessLimits:
    """Return the limits of each child process."""
    local = settings.local
    return ProcessLimits(local.max_seconds, local.stall_seconds, local.memory_mb * 1_000_000)


def create_render_log(settings: Settings) -> RenderLog:
    """Return the log of renders at Shotstack; a process needs one, since waiters listen to it."""
    return RenderLog(settings.storage.folder / "renders.json")


def create_monthly_budget(
    settings: Settings, on_exceeded: BudgetListener = ignore
) -> MonthlyBudget:
    """Return the budget for renders."""
    return MonthlyBudget(
        settings.storage.folder / "money.json", settings.rendering.monthly_budget, on_exceeded
    )
