"""A renderer that asks several renderers in turn."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from backends.base import BackendStarted, CostIncurred, Event, FellBack, Report
from backends.errors import AllBackendsFailed, BackendUnavailable
from backends.rendering.base import SERVICE_FILE, Renderer, RenderRequest, RenderResult
from backends.resilience.fallback import LoadBalancer
from video_editing.contract.progress import ignore

#: called with each failure of a renderer, for alerts to admins
FailureListener = Callable[[BackendUnavailable], None]


class FallbackRenderer(Renderer):
    """Returns the result of the first renderer that succeeds.

    The cost of renderers that failed before is part of the result's cost.
    """

    name = "chain"

    def __init__(
        self,
        renderers: Sequence[Renderer],
        on_failure: FailureListener = ignore,
        sort: Callable[[Sequence[Renderer]], Sequence[Renderer]] = tuple,
        balancer: LoadBalancer | None = None,
    ) -> None:
        """Chain *renderers*.

        Args:
            renderers: best first.
            on_failure: called with each failure.
            sort: returns them in the order in which the next render asks them.
            balancer: chooses among those that are equal and follow each other.
        """
        self._renderers = tuple(renderers)
        self._on_failure, self._sort = on_failure, sort
        self._balancer = balancer or LoadBalancer(Counter())

    def can_render(self, request: RenderRequest) -> bool:
        """See :class:`Renderer`."""
        return any(renderer.can_render(request) for renderer in self._renderers)

    async def render(self, request: RenderRequest, result: Path, report: Report) -> RenderResult:
        """See :class:`Renderer`."""
        failures = []
        cost_collector, wasted_dollars = _CostCollector(report), 0.0
        left = [it for it in self._sort(self._renderers) if it.can_render(request)]
        preferred = await asyncio.to_thread(_read_service, request.mattes)
        while left:
            renderer = self._balancer.pop_next(left, preferred)
            report(BackendStarted(renderer.name))
            try:
                with self._balancer.count_job(renderer.name):
                    rendered = await renderer.render(request, result, cost_collector)
            except BackendUnavailable as failure:
                failures.append(failure)
                wasted_dollars = cost_collector.dollars
                self._on_failure(failure)
                report(FellBack(renderer.name, failure.kind, failure.detail))
            except asyncio.CancelledError:  # there is no result that could contain the cost
                cost_collector.flush()
                raise
            else:
                return replace(rendered, dollars=rendered.dollars + wasted_dollars)
        raise AllBackendsFailed(f"no renderer left in {self.name}", failures)


def _read_service(mattes: Path | None) -> str | None:
    """Return the name of the service that made *mattes* and kept the clip, if there is one."""
    if mattes is None:
        return None
    try:
        return (mattes / SERVICE_FILE).read_text()
    except OSError:
        return None


class _CostCollector:
    """Forwards all events but costs, which it collects."""

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
        return sum(cost.dollars for cost in self._costs)

    def flush(self) -> None:
        """Forward the collected costs."""
        for cost in self._costs:
            self._report(cost)
