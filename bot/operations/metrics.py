"""Metrics in the text format of Prometheus."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from zlib import crc32

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.database.statistics import DAY_SECONDS, Grouping, Statistics
from bot.operations.backend_pool import BackendPool
from bot.telegram.retry import RetryMiddleware

LAG_TICK_SECONDS = 0.05  #: between two measurements of the event loop's delay
LAG_SAMPLES = 1200  #: measurements for the quantiles: a minute
OPEN_JOB_STATES = ("waiting", "running", "parked")
#: what durations are grouped by, and how help texts call it
GROUPINGS: dict[Grouping, str] = {"stage": "stage", "place": "backend"}


class LoopLag:
    """Measures how late the event loop runs timers, over the last minute."""

    def __init__(self) -> None:
        self._delays: deque[float] = deque(maxlen=LAG_SAMPLES)

    async def run(self) -> None:
        """Measure without an end."""
        while True:
            due = time.monotonic() + LAG_TICK_SECONDS
            await asyncio.sleep(LAG_TICK_SECONDS)
            self._delays.append(max(0.0, time.monotonic() - due))

    def get_quantile(self, share: float) -> float:
        """Return the seconds that this share of the delays did not exceed; 0 before the first."""
        delays = sorted(self._delays)
        return delays[min(len(delays) - 1, int(share * len(delays)))] if delays else 0.0


class Metrics:
    """Reads all metrics from their sources at each request."""

    def __init__(
        self,
        statistics: Statistics,
        backend_pool: BackendPool,
        retry_middleware: RetryMiddleware,
        lag: LoopLag,
    ) -> None:
        self._statistics = statistics
        self._backend_pool = backend_pool
        self._retry_middleware = retry_middleware
        self._lag = lag

    async def render_page(self, *, is_public: bool) -> bytes:
        """Return the metrics in Prometheus' text format.

        Args:
            is_public: leave out what was spent, and the addresses of services.
        """
        page = _MetricsPage(is_public=is_public)
        await self._add_jobs(page)
        await self._add_durations(page)
        self._add_backends(page)
        if not is_public:
            await self._add_spending(page)
        self._add_telegram_calls(page)
        self._add_loop_lag(page)
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(page)
        return generate_latest(registry)

    async def _add_jobs(self, page: "_MetricsPage") -> None:
        counts = Counter(job.state for job in await self._statistics.list_open_jobs())
        values = ((state, counts[state]) for state in OPEN_JOB_STATES)
        page.add_gauge("jobs_open", "Jobs that are not over.", "state", values)
        ended = await self._statistics.count_ended_jobs(since=0)
        by_end = {"done": ended.done, "failed": ended.failed, "cancelled": ended.cancelled}
        page.add_counter("jobs_ended", "Jobs that are over.", "state", by_end.items())

    async def _add_durations(self, page: "_MetricsPage") -> None:
        for label, noun in GROUPINGS.items():
            durations = await self._statistics.get_durations(label, time.time() - DAY_SECONDS)
            text = f"Seconds that a {noun} took in the last day."
            medians = ((entry.name, entry.median) for entry in durations)
            page.add_gauge(f"{label}_seconds_median", f"{text} Half took less.", label, medians)
            slowest = ((entry.name, entry.p95) for entry in durations)
            page.add_gauge(f"{label}_seconds_p95", f"{text} 95 % took less.", label, slowest)

    def _add_backends(self, page: "_MetricsPage") -> None:
        health = self._backend_pool.get_health()
        ready = (
            (h.name, h.is_enabled and h.unavailable_because is None and not h.cooldown_seconds)
            for h in health
        )
        page.add_gauge("place_ready", "Whether a backend can be used.", "place", ready)
        cooldowns = ((h.name, h.cooldown_seconds) for h in health)
        text = "Until a backend that failed is used again."
        page.add_gauge("place_resting_seconds", text, "place", cooldowns)

    async def _add_spending(self, page: "_MetricsPage") -> None:
        spending = await self._statistics.get_spending(time.time())
        values = (
            ("today", spending.today),
            ("month", spending.month),
            ("projected", spending.projected),
        )
        text = "What was spent, and the projection for the month."
        page.add_gauge("dollars", text, "period", values)

    def _add_telegram_calls(self, page: "_MetricsPage") -> None:
        values = (
            ("all", self._retry_middleware.repeats),
            ("maybe_seen_twice", self._retry_middleware.uncertain_repeats),
        )
        page.add_counter("calls_repeated", "Calls to Telegram that were repeated.", "kind", values)

    def _add_loop_lag(self, page: "_MetricsPage") -> None:
        values = ((str(share), self._lag.get_quantile(share)) for share in (0.5, 0.99))
        page.add_gauge("loop_lag_seconds", "How late the event loop was.", "quantile", values)


class _MetricsPage(Collector):
    """The metrics of one page."""

    def __init__(self, *, is_public: bool) -> None:
        self._is_public = is_public
        self._metrics: list[Metric] = []

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)

    def add_gauge(
        self, name: str, text: str, label: str, values: Iterable[tuple[str, float]]
    ) -> None:
        """Add a value that goes up and down."""
        self._add_family(GaugeMetricFamily(f"overlaybot_{name}", text, labels=[label]), values)

    def add_counter(
        self, name: str, text: str, label: str, values: Iterable[tuple[str, float]]
    ) -> None:
        """Add a value that only grows."""
        self._add_family(CounterMetricFamily(f"overlaybot_{name}", text, labels=[label]), values)

    def _add_family(
        self, family: GaugeMetricFamily | CounterMetricFamily, values: Iterable[tuple[str, float]]
    ) -> None:
        for label_value, value in values:
            name = _hide_address(label_value) if self._is_public else label_value
            family.add_metric([name], value)
        self._metrics.append(family)


def _hide_address(name: str) -> str:
    """Return *name*, or a name that tells nothing for an address."""
    return f"service-{crc32(name.encode()):08x}" if "://" in name else name
