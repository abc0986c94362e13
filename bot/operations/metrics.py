"""What Prometheus is told."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.database.statistics import DAY_SECONDS, Statistics
from bot.operations.backend_pool import BackendPool
from bot.telegram.retry import RetryMiddleware

LAG_TICK_SECONDS = 0.05  #: seconds between two looks at how late the event loop is
LAG_SAMPLES = 1200  #: looks of which the quantiles are taken: a minute
OPEN_JOB_STATES = ("waiting", "running", "parked")


class LoopLag:
    """How late the event loop does what is due, over the last minute."""

    def __init__(self) -> None:
        self._delays: deque[float] = deque(maxlen=LAG_SAMPLES)

    async def run(self) -> None:
        """Look again and again, without an end."""
        while True:
            due = time.monotonic() + LAG_TICK_SECONDS
            await asyncio.sleep(LAG_TICK_SECONDS)
            self._delays.append(max(0.0, time.monotonic() - due))

    def get_quantile(self, share: float) -> float:
        """Seconds below which this share of the looks stayed; 0 before the first one."""
        ranked = sorted(self._delays)
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else 0.0


class Metrics:
    """Reads them where they are, whenever it is asked."""

    def __init__(
        self,
        statistics: Statistics,
        backend_pool: BackendPool,
        retry_middleware: RetryMiddleware,
        lag: LoopLag,
    ) -> None:
        """Know where to read."""
        self._statistics, self._backend_pool, self._retry_middleware, self._lag = (
            statistics,
            backend_pool,
            retry_middleware,
            lag,
        )

    async def render_page(self) -> bytes:
        """All of them, in Prometheus' text format."""
        now = time.time()
        active = Counter(job.state for job in await self._statistics.list_open_jobs())
        ended = await self._statistics.count_ended_jobs(since=0)
        cost = await self._statistics.get_spending(now)
        page = _MetricsPage()
        gauge, counter = page.add_gauge, page.add_counter
        gauge(
            "jobs_open",
            "Jobs that are not over.",
            "state",
            ((s, active[s]) for s in OPEN_JOB_STATES),
        )
        by_end = {"done": ended.done, "failed": ended.failed, "cancelled": ended.cancelled}
        counter("jobs_ended", "Jobs that are over.", "state", by_end.items())
        for by in ("stage", "place"):
            took = await self._statistics.get_durations(by, now - DAY_SECONDS)
            text = f"Seconds that a {by} took in the last day."
            medians = ((times.name, times.median) for times in took)
            gauge(f"{by}_seconds_median", f"{text} Half took less.", by, medians)
            slowest = ((times.name, times.p95) for times in took)
            gauge(f"{by}_seconds_p95", f"{text} 95 % took less.", by, slowest)
        health = self._backend_pool.get_health()
        asked = (
            (h.name, h.is_enabled and h.unavailable_because is None and not h.cooldown_seconds)
            for h in health
        )
        gauge("place_ready", "Whether a place is there, and asked.", "place", asked)
        resting = ((h.name, h.cooldown_seconds) for h in health)
        gauge("place_resting_seconds", "Until a place that failed is asked.", "place", resting)
        spent = (("today", cost.today), ("month", cost.month), ("projected", cost.projected))
        gauge("dollars", "What was spent, and what a month comes to.", "period", spent)
        repeated = (
            ("all", self._retry_middleware.repeats),
            ("maybe_seen_twice", self._retry_middleware.uncertain_repeats),
        )
        counter("calls_repeated", "Calls to Telegram, repeated.", "kind", repeated)
        late = ((str(share), self._lag.get_quantile(share)) for share in (0.5, 0.99))
        gauge("loop_lag_seconds", "How late the event loop was.", "quantile", late)
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(page)
        return generate_latest(registry)


class _MetricsPage(Collector):
    """What was read for one page."""

    def __init__(self) -> None:
        self._metrics: list[Metric] = []

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)

    def add_gauge(
        self, name: str, text: str, label: str, values: Iterable[tuple[str, float]]
    ) -> None:
        """Add what goes up and down."""
        self._add_family(GaugeMetricFamily(f"overlaybot_{name}", text, labels=[label]), values)

    def add_counter(
        self, name: str, text: str, label: str, values: Iterable[tuple[str, float]]
    ) -> None:
        """Add what only grows."""
        self._add_family(CounterMetricFamily(f"overlaybot_{name}", text, labels=[label]), values)

    def _add_family(
        self, family: GaugeMetricFamily | CounterMetricFamily, values: Iterable[tuple[str, float]]
    ) -> None:
        for of, value in values:
            family.add_metric([of], value)
        self._metrics.append(family)
