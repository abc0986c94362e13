"""The rate limit of a key, over all tasks, processes and restarts; and the timeouts of requests."""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from pydantic import BaseModel

from backends.shotstack.errors import ShotstackRateLimited
from backends.state_file import JsonStateFile

WINDOW_SECONDS = 60.0  #: over which Shotstack counts requests
WINDOW_MARGIN = 1.01  #: factor on a window; Shotstack's clock may run slower
MAX_BLOCK_SECONDS = 600  #: a longer Retry-After is shortened to this
POLLS_PER_WINDOW = 30  #: since requests may end, and free a slot, before their lag is over

#: the wall clock at the start; steps of that clock while the process runs are ignored
_CLOCK_OFFSET = time.time() - time.monotonic()


def get_steady_time() -> float:
    """Return seconds since the epoch; the value never decreases while the process runs."""
    return _CLOCK_OFFSET + time.monotonic()


class RequestLog(BaseModel):
    """The requests of a key that Shotstack may still count.

    Attributes:
        latest: by ticket, the latest time at which the request may have arrived.
        shut: the time before which no request is sent.
    """

    latest: dict[str, float] = {}
    shut: float = 0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A limit of requests.

    Attributes:
        requests: allowed in any window.
        window: seconds.
        lag: seconds after which a request that was started can no longer arrive.
    """

    requests: int
    window: float = WINDOW_SECONDS
    lag: float = 30


class RateLimiter:
    """A sliding window log: a request occupies a slot until a window after its latest arrival.

    A leaky bucket (aiolimiter) admits a full bucket and then what leaks: up to twice the limit in
    one window. A log of the times at which requests *start* is not enough either, since some arrive
    late; so a slot is freed a window after the answer, before which the request must have arrived.
    The log is in a state file of a few kilobytes: a bot that restarts often must not start with an
    empty log, and with a full one its first user would wait for a minute.
    """

    def __init__(
        self,
        name: str,
        limit: RateLimit,
        state_file: JsonStateFile[RequestLog] | None = None,
        *,
        clock: Callable[[], float] = get_steady_time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Limit the requests of one key to one API.

        Args:
            name: of the key, the environment and the API; it must not reveal the key.
            limit: of the requests.
            state_file: shared with the limiters of the same name in earlier and other processes.
            clock: returns seconds since the epoch.
            sleep: waits for a number of seconds.
        """
        self._name, self._limit, self._state_file = name, limit, state_file
        self.window = limit.window
        self._clock, self._sleep = clock, sleep
        self._own_log = RequestLog()  # of this limiter alone; valid if the disk fails
        self._queue = asyncio.Lock()  # asyncio.Lock is fair: first come, first served

    @asynccontextmanager
    async def acquire(self, max_wait: float) -> AsyncIterator[None]:
        """Wait for a slot, and occupy it while the block sends one request.

        Raises:
            ShotstackRateLimited: no slot is free after *max_wait* seconds.
        """
        ticket = secrets.token_hex(6)
        started = self._clock()
        async with self._queue:
            while (wait := self._try_acquire(ticket)) > 0:
                left = started + max_wait - self._clock()
                if left <= 0:
                    raise ShotstackRateLimited(wait)
                await self._sleep(min(wait, left, self.window / POLLS_PER_WINDOW))
        try:
            yield
        finally:
            with self._update_log() as request_log:
                if ticket in request_log.latest:
                    request_log.latest[ticket] = min(request_log.latest[ticket], self._clock())

    def block(self, seconds: float) -> None:
        """Admit no request for *seconds* and a random delay, so that clients return one by one."""
        seconds = min(seconds, MAX_BLOCK_SECONDS)
        until = self._clock() + seconds + random.uniform(0.02, 0.1) * self.window  # noqa: S311 - jitter, not a secret
        with self._update_log() as request_log:
            request_log.shut = max(request_log.shut, until)

    def _try_acquire(self, ticket: str) -> float:
        """Occupy a slot and return 0, or return the seconds until one is certainly free."""
        now = self._clock()
        with self._update_log() as request_log:
            if now < request_log.shut:
                return request_log.shut - now
            if len(request_log.latest) >= self._limit.requests:
                return min(request_log.latest.values()) + self.window * WINDOW_MARGIN - now
            request_log.latest[ticket] = now + self._limit.lag
            return 0

    @contextmanager
    def _update_log(self) -> Iterator[RequestLog]:
        """Yield the current log, and store the changes of the block."""
        if self._state_file is None:
            self._own_log = self._merge_logs(RequestLog())
            yield self._own_log
            return
        with self._state_file.update() as stored_logs:
            self._own_log = self._merge_logs(stored_logs.get(self._name, RequestLog()))
            yield self._own_log
            stored_logs[self._name] = self._own_log

    def _merge_logs(self, stored: RequestLog) -> RequestLog:
        """Return *stored* and the own log in one, without requests that no longer count.

        Of two times for a ticket the earlier one is right: its writer saw the request end. A time
        that is too far ahead was written with a wrong clock.
        """
        now = self._clock()
        own, latest_possible = self._own_log.latest, now + self._limit.lag
        latest = {
            ticket: min(
                stored.latest.get(ticket, latest_possible),
                own.get(ticket, latest_possible),
                latest_possible,
            )
            for ticket in stored.latest | own
        }
        expiry = now - self.window * WINDOW_MARGIN
        latest = {ticket: moment for ticket, moment in latest.items() if moment > expiry}
        shut = min(max(stored.shut, self._own_log.shut), now + MAX_BLOCK_SECONDS + self.window)
        return RequestLog(latest=latest, shut=shut)


@dataclass(frozen=True)
class ShotstackTimeouts:
    """Timeouts and intervals, in seconds.

    Attributes:
        response: for the answer to one request, its body included.
        gate: for a slot of the rate limit.
        retry_total: for all attempts of a request that can be repeated.
        retry_wait: before the second attempt; later waits are longer.
        transfer: without progress of an upload.
        poll: between two polls of a source, and of a render at first.
        max_poll: between two polls of a render that takes long.
        grace: in which a new object may not be found yet.
        ingest: from the end of an upload until renders can use the file.
        deadline: for a render, from its first request; restarts do not prolong it.
        adoption: for a callback with the render's id, if the answer with the id was lost.
    """

    response: float = 30
    gate: float = 180
    retry_total: float = 60
    retry_wait: float = 0.5
    transfer: float = 30
    poll: float = 5
    max_poll: float = 20
    grace: float = 30
    ingest: float = 600
    deadline: float = 1800
    adoption: float = 120
