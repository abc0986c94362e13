"""Never more requests than a key is allowed, over all tasks, processes and restarts."""

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

WINDOW_SECONDS = 60.0  #: seconds over which Shotstack counts
WINDOW_MARGIN = 1.01  #: of a window: its clock and ours need not agree on a second's length
MAX_BLOCK_SECONDS = 600  #: seconds; a longer refusal is not believed
POLLS_PER_WINDOW = 30  #: in a window, for requests that end earlier than they might

#: the wall clock, which a restarted machine shares, but without its jumps while we run
_CLOCK_OFFSET = time.time() - time.monotonic()


def get_steady_time() -> float:
    """Seconds since the epoch that never run backwards."""
    return _CLOCK_OFFSET + time.monotonic()


class RequestLog(BaseModel):
    """The requests of a key that may still count.

    Attributes:
        latest: of each request by its ticket, the latest time at which it may have arrived.
        shut: the time before which no request is made at all.
    """

    latest: dict[str, float] = {}
    shut: float = 0


class RateLimiter:
    """A log of requests: each holds its place until a window after it can last have arrived.

    A leaky bucket (aiolimiter) lets through a full bucket and then what leaks: up to twice the
    allowance in one window. A log of the times at which requests *begin* is not enough either, for
    some arrive late; so a place is freed a window after the answer, before which it surely arrived.
    The log lies on a shelf, since a bot that restarts often must not begin with an empty window,
    and to begin with a full one would cost the first user a minute; it is a few kilobytes.
    """

    def __init__(
        self,
        name: str,
        max_requests: int,
        state_file: JsonStateFile[RequestLog] | None = None,
        *,
        window: float = WINDOW_SECONDS,
        lag: float = 30,
        clock: Callable[[], float] = get_steady_time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Begin with what the shelf remembers.

        Args:
            name: of the key, the environment and the API, without giving the key away.
            max_requests: requests in any window.
            state_file: shared with other limiters of the same name, before or beside this one.
            window: seconds.
            lag: seconds after which a request that was begun can no longer arrive.
            clock: in seconds since the epoch.
            sleep: waits for so many seconds.
        """
        self._name, self._max_requests, self._state_file = name, max_requests, state_file
        self.window, self._lag = window, lag
        self._clock, self._sleep = clock, sleep
        self._own_log = RequestLog()  # holds when the disk does not, for this limiter alone
        self._queue = asyncio.Lock()  # first come, first served

    @asynccontextmanager
    async def acquire(self, max_wait: float) -> AsyncIterator[None]:
        """Wait for a place, and hold it while the block makes one request.

        Raises:
            ShotstackBusy: none is free after *max_wait* seconds.
        """
        ticket = secrets.token_hex(6)
        began = self._clock()
        async with self._queue:
            while (wait := self._try_acquire(ticket)) > 0:
                left = began + max_wait - self._clock()
                if left <= 0:
                    raise ShotstackRateLimited(wait)
                await self._sleep(min(wait, left, self.window / POLLS_PER_WINDOW))
        try:
            yield
        finally:
            with self._update_log() as seen:
                if ticket in seen.latest:
                    seen.latest[ticket] = min(seen.latest[ticket], self._clock())

    def block(self, seconds: float) -> None:
        """Let nobody through for *seconds* and a little longer, not when all others come back."""
        seconds = min(seconds, MAX_BLOCK_SECONDS)
        until = self._clock() + seconds + random.uniform(0.02, 0.1) * self.window  # noqa: S311
        with self._update_log() as seen:
            seen.shut = max(seen.shut, until)

    def _try_acquire(self, ticket: str) -> float:
        """Take a place if there is one; else how many seconds there is none, if nothing ends."""
        now = self._clock()
        with self._update_log() as seen:
            if now < seen.shut:
                return seen.shut - now
            if len(seen.latest) >= self._max_requests:
                return min(seen.latest.values()) + self.window * WINDOW_MARGIN - now
            seen.latest[ticket] = now + self._lag
            return 0

    @contextmanager
    def _update_log(self) -> Iterator[RequestLog]:
        """What counts now; what the block makes of it is remembered."""
        if self._state_file is None:
            self._own_log = self._merge_logs(RequestLog())
            yield self._own_log
            return
        with self._state_file.update() as kept:
            self._own_log = self._merge_logs(kept.get(self._name, RequestLog()))
            yield self._own_log
            kept[self._name] = self._own_log

    def _merge_logs(self, stored: RequestLog) -> RequestLog:
        """What *stored* and our own memory have in all, without what is past.

        Of two times for a ticket the earlier is right: that one has seen the request end. Times
        further ahead than can be were written by a clock that went wrong.
        """
        now = self._clock()
        own, most = self._own_log.latest, now + self._lag
        latest = {
            ticket: min(stored.latest.get(ticket, most), own.get(ticket, most), most)
            for ticket in stored.latest | own
        }
        past = now - self.window * WINDOW_MARGIN
        latest = {ticket: moment for ticket, moment in latest.items() if moment > past}
        shut = min(max(stored.shut, self._own_log.shut), now + MAX_BLOCK_SECONDS + self.window)
        return RequestLog(latest=latest, shut=shut)


@dataclass(frozen=True)
class ShotstackTimeouts:
    """Seconds.

    Attributes:
        response: for one request to be answered, its body included.
        gate: for a place among the requests that the key is allowed.
        retry_total: for a question that is repeated when it fails in passing.
        retry_wait: before the first repetition; later ones wait longer.
        transfer: in which an upload's next bytes must move.
        poll: between two looks at a source, and at a render in its beginning.
        max_poll: between two looks at a render that takes long.
        grace: in which what was just made may not be found yet.
        ingest: for a file to be ready once it is uploaded.
        deadline: for a render, since it was asked for; restarts do not prolong it.
        adoption: for a callback to tell which render is ours, where the answer never came.
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
