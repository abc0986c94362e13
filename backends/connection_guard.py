"""Limits the connections of an HTTP server, so that strangers cannot take all descriptors.

A connection *waits* while its client is to send something, or to read what was sent. A connection
that waits has a deadline, and gives way to a new one when there are too many; one whose request the
server works at does neither. The guard wraps asyncio protocols. What handles requests tells it by
:func:`answering` and :func:`receiving` which connections wait.
"""

import asyncio
import re
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv6Address, ip_address
from typing import cast

MAX_CONNECTIONS = 512  #: or half of the descriptors that the process may have
HEAD_END = b"\r\n\r\n"
MAX_HEAD_BYTES = 1 << 16  #: which servers refuse; whether it ends is left to them
MAX_HELD_BODY_BYTES = 1 << 14  #: of the first body that are waited for before the server works
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect:", re.IGNORECASE)  #: of a client that waits before the body
#: connections that asyncio accepts before the guard can close one
ACCEPTED_AT_ONCE = 32


def _get_max_connections() -> int:
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MAX_CONNECTIONS, descriptors // 2)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of all connections of a server.

    Attributes:
        total: connections at the same time.
        per_address: those of one IPv4 address, or of one IPv6 network of 64 bits.
        receive_seconds: until a request begins; also the time over which the rate of its body is
            measured.
        min_rate: bytes a second at which a body arrives.
        send_seconds: for which a client may read nothing of a response.
    """

    total: int = field(default_factory=_get_max_connections)
    per_address: int = field(default_factory=lambda: _get_max_connections() * 3 // 4)
    receive_seconds: float = 10
    min_rate: int = 4 << 10
    send_seconds: float = 60


class ConnectionGuard:
    """The connections of one server."""

    def __init__(self, limits: ConnectionLimits | None = None) -> None:
        """Start without a connection."""
        self.limits = limits or ConnectionLimits()
        self._waiting: dict[_GuardedConnection, None] = {}  # the longest first
        self._busy: dict[_GuardedConnection, None] = {}

    def wrap(self, create: Callable[..., asyncio.Protocol]) -> Callable[..., asyncio.Protocol]:
        """Return a factory of the protocols that *create* makes, under the limits."""
        return lambda **options: _GuardedConnection(self, partial(create, **options))

    def admit(self, connection: "_GuardedConnection") -> bool:
        """Admit a new connection; close one that waits where there are too many.

        Returns:
            whether it is admitted: not if there are too many, none of which waits.
        """
        every = (*self._waiting, *self._busy)
        of_address = [other for other in every if other.network == connection.network]
        for connections, limit in (
            (of_address, self.limits.per_address),
            (every, self.limits.total),
        ):
            if len(connections) >= limit:
                oldest = next((other for other in connections if other in self._waiting), None)
                if oldest is None:
                    return False
                oldest.close()
                break  # which made room for both limits
        self.note_waiting(connection)
        return True

    def note_waiting(self, connection: "_GuardedConnection") -> None:
        """Note that a connection waits from now on."""
        self.forget(connection)
        self._waiting[connection] = None

    def note_busy(self, connection: "_GuardedConnection") -> None:
        """Note that the server works at the request of a connection from now on."""
        self.forget(connection)
        self._busy[connection] = None

    def forget(self, connection: "_GuardedConnection") -> None:
        """Forget a connection that is closed."""
        self._waiting.pop(connection, None)
        self._busy.pop(connection, None)


class _GuardedConnection(asyncio.Protocol):
    """Passes everything to the protocol that parses HTTP, and closes a connection in time.

    That protocol is created once the first request is complete, or much of its body has come: it
    takes far more memory and time than a stranger's half request is worth.

    Attributes:
        network: the IPv4 address of the client, or its IPv6 network of 64 bits; empty at first.
    """

    def __init__(
        self, guard: ConnectionGuard, create_protocol: Callable[[], asyncio.Protocol]
    ) -> None:
        self._guard, self._limits = guard, guard.limits
        self._create_protocol = create_protocol
        self._protocol: asyncio.Protocol | None = None
        self._held = bytearray()  # the beginning of the first request, until there is a protocol
        self._transport: asyncio.Transport | None = None  # of an admitted, open connection
        self._timer: asyncio.TimerHandle | None = None
        self._seconds_left = self._limits.receive_seconds
        self._received = 0  # bytes since the clock was set
        self._is_busy = False
        self.network = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuse the connection, or begin to wait for its first request."""
        self.network = _get_network(transport.get_extra_info("peername"))
        transport = cast("asyncio.Transport", transport)
        if not self._guard.admit(self):
            transport.abort()
            return
        self._transport = transport
        self._start_clock(self._seconds_left)

    def data_received(self, data: bytes) -> None:
        """Set the clock again when the client has sent enough in time."""
        if self._transport is None:
            return
        self._received += len(data)
        if self._received >= self._limits.receive_seconds * self._limits.min_rate:
            self._received, self._seconds_left = 0, self._limits.receive_seconds
            if self._timer:
                self._start_clock(self._seconds_left)
        if self._protocol is None:
            self._held += data
            if not _is_worth_work(self._held):
                return
            _current.set(self)  # the tasks that the protocol starts inherit it
            self._protocol, data = self._create_protocol(), bytes(self._held)
            self._protocol.connection_made(self._transport)
            self._held.clear()
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._protocol.eof_received() if self._protocol else None

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        self.wait(self._limits.send_seconds)
        if self._protocol:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Go on with the response."""
        if self._is_busy:
            self.work()
        else:
            self.wait(self._seconds_left)
        if self._protocol:
            self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_clock()
        self._guard.forget(self)
        self._transport = None
        if self._protocol:
            self._protocol.connection_lost(exc)

    def close(self) -> None:
        """Close the connection at once, whatever it does."""
        self._stop_clock()
        self._guard.forget(self)
        if self._transport is not None:
            self._transport.abort()

    def work(self) -> None:
        """Stop the clock: the server works at a request."""
        if self._transport is not None and not self._transport.is_closing():
            self._is_busy = True
            self._stop_clock()
            self._guard.note_busy(self)

    def wait_for_body(self) -> None:
        """Let the clock run on: the client is to send the rest of its request."""
        self.wait(self._seconds_left)

    def wait_for_request(self) -> None:
        """Set the clock: the client may send another request."""
        self._is_busy, self._received = False, 0
        self._seconds_left = self._limits.receive_seconds
        self.wait(self._seconds_left)

    def wait(self, seconds: float) -> None:
        """Close the connection unless the client does something in so many seconds."""
        if self._transport is not None and not self._transport.is_closing():
            self._start_clock(seconds)
            self._guard.note_waiting(self)

    def _start_clock(self, seconds: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.close)

    def _stop_clock(self) -> None:
        if self._timer:
            left = self._timer.when() - asyncio.get_running_loop().time()
            self._seconds_left = min(self._seconds_left, max(0.0, left))
            self._timer.cancel()
            self._timer = None


#: the connection whose request a task handles; unset in a server without a guard
_current: ContextVar[_GuardedConnection] = ContextVar("connection")


@contextmanager
def answering() -> Iterator[None]:
    """Hold the connection while the block works at its request."""
    if (connection := _current.get(None)) is None:
        yield
        return
    connection.work()
    try:
        yield
    finally:
        connection.wait_for_request()


@contextmanager
def receiving() -> Iterator[None]:
    """Wait, inside of :func:`answering`, for a part of the body; a client that is slow is cut."""
    if (connection := _current.get(None)) is None:
        yield
        return
    connection.wait_for_body()
    try:
        yield
    finally:
        connection.work()


def _is_worth_work(request: bytearray) -> bool:
    """Return whether the beginning of a request has its head and enough of its body."""
    end = request.find(HEAD_END)
    if end < 0:
        return len(request) >= MAX_HEAD_BYTES
    length = CONTENT_LENGTH.search(request, 0, end)
    if length is None or EXPECT.search(request, 0, end):
        return True
    held = len(request) - end - len(HEAD_END)
    return held >= min(int(length[1]), MAX_HELD_BODY_BYTES)


def _get_network(peer: tuple[str, ...] | None) -> bytes:
    """Return what the connections of one client have in common; it is compared often."""
    if not peer:
        return b""
    address = ip_address(peer[0].partition("%")[0])
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped.packed if address.ipv4_mapped else address.packed[:8]
    return address.packed
