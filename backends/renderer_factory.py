"""Renderers in the order of asking, as the settings have them."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from backends.base import BackendStarted, CostIncurred, Event, FellBack, Report
from backends.errors import AllBackendsFailed, BackendUnavailable, FailureKind
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM
from backends.rendering.base import LocalRenderer, Renderer, RenderRequest, RenderResult
from backends.rendering.budget import BudgetListener, MonthlyBudget
from backends.shotstack.rate_limiter import ShotstackTimeouts
from backends.shotstack.render_log import RenderLog
from backends.shotstack.renderer import ShotstackRenderer
from settings import Settings

log = logging.getLogger(__name__)

#: told of each renderer that failed, for admins
FailureListener = Callable[[BackendUnavailable], None]


def ignore_failure(_: BackendUnavailable) -> None:
    """Nobody is told."""


def ignore_budget_exceeded(_spent: float, _budget: float) -> None:
    """Nobody is told."""


class FallbackRenderer(Renderer):
    """The first renderer that can; what was paid in vain before is in what it cost."""

    name = "chain"

    def __init__(
        self, renderers: Sequence[Renderer], on_failure: FailureListener = ignore_failure
    ) -> None:
        """Chain *renderers*, best first; *on_failure* is told of those that fail."""
        self._renderers = tuple(renderers)
        self._on_failure = on_failure

    def can_render(self, request: RenderRequest) -> bool:
        """See :class:`Renderer`."""
        return any(renderer.can_render(request) for renderer in self._renderers)

    async def render(self, request: RenderRequest, result: Path, report: Report) -> RenderResult:
        """See :class:`Renderer`."""
        failures = []
        cost_collector, wasted_dollars = _CostCollector(report), 0.0
        for renderer in self._renderers:
            if not renderer.can_render(request):
                continue
            report(BackendStarted(renderer.name))
            try:
                rendered = await renderer.render(request, result, cost_collector)
            except BackendUnavailable as failure:
                failures.append(failure)
                wasted_dollars = cost_collector.dollars
                self._on_failure(failure)
                report(FellBack(renderer.name, failure.kind, failure.detail))
            except asyncio.CancelledError:  # nobody will hear of it in the result
                cost_collector.flush()
                raise
            else:
                return replace(rendered, dollars=rendered.dollars + wasted_dollars)
        raise AllBackendsFailed(f"nobody left in {self.name}", failures)


class _CostCollector:
    """Passes events on but for what was spent, which it holds back and adds up."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._costs: list[CostIncurred] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, CostIncurred):
            self._costs.append(event)
        else:
            self._report(event)

    @property
    def dollars(self) -> float:
        return sum(spent.dollars for spent in self._costs)

    def flush(self) -> None:
        """Pass on what was held back."""
        for spent in self._costs:
            self._report(spent)


def create_renderer(
    settings: Settings,
    *,
    program: Sequence[str] = DEFAULT_PROGRAM,
    render_log: RenderLog | None = None,
    callback_url: str | None = None,
    on_failure: FailureListener = ignore_failure,
    on_budget_exceeded: BudgetListener = ignore_budget_exceeded,
    timeouts: ShotstackTimeouts | None = None,
) -> Renderer:
    """The renderer that RENDERER names; this machine is behind all others.

    Args:
        settings: of everything.
        program: what to run in place of the command line of video_editing.
        render_log: made by :func:`intents_of`, and shared with who hears Shotstack's callbacks.
        callback_url: where Shotstack sends those, with its secret; without one Shotstack is
            asked again and again.
        on_failure: told of each renderer that fails.
        on_budget_exceeded: sounded once in a month whose budget is reached.
        timeouts: how long to wait for Shotstack.
    """
    local = LocalRenderer(create_process_limits(settings), program)
    if settings.rendering.renderer == "local":
        return local
    try:
        cloud_renderer = create_shotstack_renderer(
            settings,
            program=program,
            render_log=render_log,
            callback_url=callback_url,
            on_budget_exceeded=on_budget_exceeded,
            timeouts=timeouts,
        )
    except BackendUnavailable as failure:
        log.warning("left out: %s", failure)
        return local
    return FallbackRenderer([cloud_renderer, local], on_failure)


def create_shotstack_renderer(
    settings: Settings,
    *,
    program: Sequence[str] = DEFAULT_PROGRAM,
    render_log: RenderLog | None = None,
    callback_url: str | None = None,
    on_budget_exceeded: BudgetListener = ignore_budget_exceeded,
    timeouts: ShotstackTimeouts | None = None,
) -> ShotstackRenderer:
    """Shotstack alone; the parameters are those of :func:`renderer`.

    Raises:
        BackendUnavailable: there is no key.
    """
    if not settings.rendering.api_key.get_secret_value():
        detail = "SHOTSTACK_API_KEY is not set"
        raise BackendUnavailable(ShotstackRenderer.name, FailureKind.NOT_CONFIGURED, detail)
    return ShotstackRenderer(
        settings.rendering,
        settings.storage.folder,
        create_process_limits(settings),
        create_monthly_budget(settings, on_budget_exceeded),
        program,
        render_log=render_log or create_render_log(settings),
        callback_url=callback_url,
        timeouts=timeouts,
    )


def create_process_limits(settings: Settings) -> ProcessLimits:
    """What each child may take."""
    local = settings.local
    return ProcessLimits(local.max_seconds, local.stall_seconds, local.memory_mb * 1_000_000)


def create_render_log(settings: Settings) -> RenderLog:
    """What Shotstack was asked for; one object for all that a process does with it."""
    return RenderLog(settings.storage.folder / "renders.json")


def create_monthly_budget(
    settings: Settings, on_exceeded: BudgetListener = ignore_budget_exceeded
) -> MonthlyBudget:
    """What renders cost, this month and before."""
    return MonthlyBudget(
        settings.storage.folder / "money.json", settings.rendering.monthly_budget, on_exceeded
    )
