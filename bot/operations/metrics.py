"""What Prometheus is told."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.database.statistics import DAY, Statistics
from bot.operations.backend_pool import Places
from bot.telegram.retry import Patient

TICK = 0.05  #: seconds between two looks at how late the event loop is
KEPT = 1200  #: looks of which the quantiles are taken: a minute
STATES = ("waiting", "running", "parked")


class LoopLag:
    """How late the event loop does what is due, over the last minute."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=KEPT)

    async def run(self) -> None:
        """Look again and again, without an end."""
        while True:
            due = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            self._late.append(max(0.0, time.monotonic() - due))

    def quantile(self, share: float) -> float:
        """Seconds below which this share of the looks stayed; 0 before the first one."""
        ranked = sorted(self._late)
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else 0.0


class Metrics:
    """Reads them where they are, whenever it is asked."""

    def __init__(
        self, statistics: Statistics, places: Places, calls: Patient, lag: LoopLag
    ) -> None:
        """Know where to read."""
        self._statistics, self._places, self._calls, self._lag = statistics, places, calls, lag

    async def page(self) -> bytes:
        """All of them, in Prometheus' text format."""
        now = time.time()
        active = Counter(job.state for job in await self._statistics.active())
        ended = await self._statistics.ended(since=0)
        cost = await self._statistics.cost(now)
        page = _Page()
        gauge, counter = page.gauge, page.counter
        gauge("jobs_open", "Jobs that are not over.", "state", ((s, active[s]) for s in STATES))
        by_end = {"done": ended.done, "failed": ended.failed, "cancelled": ended.cancelled}
        counter("jobs_ended", "Jobs that are over.", "state", by_end.items())
        for by in ("stage", "place"):
            took = await self._statistics.times(by, now - DAY)
            text = f"Seconds that a {by} took in the last day."
            medians = ((times.name, times.median) for times in took)
            gauge(f"{by}_seconds_median", f"{text} Half took less.", by, medians)
            slowest = ((times.name, times.p95) for times in took)
            gauge(f"{by}_seconds_p95", f"{text} 95 % took less.", by, slowest)
        health = self._places.health()
        asked = ((h.name, h.on and h.absent is None and not h.resting) for h in health)
        gauge("place_ready", "Whether a place is there, and asked.", "place", asked)
        resting = ((h.name, h.resting) for h in health)
        gauge("place_resting_seconds", "Until a place that failed is asked.", "place", resting)
        spent = (("today", cost.today), ("month", cost.month), ("projected", cost.projected))
        gauge("dollars", "What was spent, and what a month comes to.", "period", spent)
        repeated = (("all", self._calls.repeated), ("maybe_seen_twice", self._calls.doubtful))
        counter("calls_repeated", "Calls to Telegram, repeated.", "kind", repeated)
        late = ((str(share), self._lag.quantile(share)) for share in (0.5, 0.99))
        gauge("loop_lag_seconds", "How late the event loop was.", "quantile", late)
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(page)
        return generate_latest(registry)


class _Page(Collector):
    """What was read for one page."""

    def __init__(self) -> None:
        self._metrics: list[Metric] = []

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)

    def gauge(self, name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> None:
        """Add what goes up and down."""
        self._add(GaugeMetricFamily(f"overlaybot_{name}", text, labels=[label]), values)

    def counter(
        self, name: str, text: str, label: str, values: Iterable[tuple[str, float]]
    ) -> None:
        """Add what only grows."""
        self._add(CounterMetricFamily(f"overlaybot_{name}", text, labels=[label]), values)

    def _add(
        self, family: GaugeMetricFamily | CounterMetricFamily, values: Iterable[tuple[str, float]]
    ) -> None:
        for of, value in values:
            family.add_metric([of], value)
        self._metrics.append(family)
