"""The guard of connections, around real servers."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from backends.connection_guard import ConnectionGuard, ConnectionLimits, answering, receiving

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
WHOLE = HEAD + b"\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class GuardedServer:
    """A server that answers after some seconds, and reads bodies.

    Attributes:
        created: how many protocols were created for its connections.
    """

    def __init__(self, limits: ConnectionLimits, seconds: float = 0) -> None:
        self._limits, self._seconds = limits, seconds
        self._opened: list[Pair] = []
        self.created = 0
        self.port = 0

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        with answering():
            with receiving():
                await request.read()
            await asyncio.sleep(self._seconds)
            return web.Response(text="done")

    @asynccontextmanager
    async def run(self) -> AsyncIterator["GuardedServer"]:
        """Serve while the block runs."""
        inner = web.Server(self._answer)

        def create() -> asyncio.Protocol:
            self.created += 1
            return inner()

        guard = ConnectionGuard(self._limits)
        server = await asyncio.get_running_loop().create_server(guard.wrap(create), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
            for _, writer in self._opened:
                writer.close()
            await inner.shutdown(0.1)

    async def open(self, data: bytes = b"") -> Pair:
        """Open a connection, and send *data*."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._opened.append((reader, writer))
        writer.write(data)
        await asyncio.sleep(0.02)  # until the server has it
        return reader, writer


async def is_closed(pair: Pair, within: float = 0.1) -> bool:
    """Return whether the server closes the connection in time, without an answer."""
    try:
        async with asyncio.timeout(within):
            return await pair[0].read() == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


async def read_status(pair: Pair, within: float = 2) -> int:
    """Return the status of the answer."""
    async with asyncio.timeout(within):
        return int((await pair[0].readline()).split()[1])


@pytest.mark.parametrize("data", [b"", HEAD, POST])
async def test_half_a_request_is_closed_in_time(data: bytes) -> None:
    """Whatever half it is."""
    limits = ConnectionLimits(receive_seconds=0.3)
    async with GuardedServer(limits).run() as server:
        began = time.monotonic()
        assert await is_closed(await server.open(data), 2)
        assert 0.25 < time.monotonic() - began < 1


async def test_a_body_that_drips_is_closed_in_time() -> None:
    """A byte now and then does not keep a connection."""
    limits = ConnectionLimits(receive_seconds=0.3, min_rate=1000)
    async with GuardedServer(limits).run() as server:
        pair = await server.open(POST)
        began = time.monotonic()
        while not await is_closed(pair, 0.05):
            pair[1].write(b"x")
        assert time.monotonic() - began < 1


async def test_a_body_that_comes_fast_enough_may_take_longer() -> None:
    """The rate is measured, not the whole."""
    limits = ConnectionLimits(receive_seconds=0.3, min_rate=1000)
    async with GuardedServer(limits).run() as server:
        pair = await server.open(POST)
        for _ in range(10):
            pair[1].write(bytes(100_000))
            await asyncio.sleep(0.1)
        assert await read_status(pair) == 200


async def test_work_may_take_longer_than_a_client_may() -> None:
    """The clock is stopped meanwhile."""
    async with GuardedServer(ConnectionLimits(receive_seconds=0.2), 0.6).run() as server:
        assert await read_status(await server.open(WHOLE)) == 200


async def test_an_idle_connection_is_closed() -> None:
    """After its answer it has as long as before."""
    async with GuardedServer(ConnectionLimits(receive_seconds=0.3)).run() as server:
        pair = await server.open(WHOLE)
        assert await read_status(pair) == 200
        async with asyncio.timeout(1):
            await pair[0].read()


async def test_a_connection_too_many_replaces_the_oldest_that_waits() -> None:
    """So a new client is always heard."""
    limits = ConnectionLimits(total=2, per_address=10)
    async with GuardedServer(limits).run() as server:
        first, second = await server.open(HEAD), await server.open(HEAD)
        third = await server.open(WHOLE)
        assert await read_status(third) == 200
        assert await is_closed(first)
        assert not await is_closed(second)


async def test_one_address_has_fewer_connections_than_all() -> None:
    """So one client leaves room for others."""
    limits = ConnectionLimits(total=10, per_address=2)
    async with GuardedServer(limits).run() as server:
        first = await server.open(HEAD)
        await server.open(HEAD)
        await server.open(HEAD)
        assert await is_closed(first)


async def test_a_request_in_work_is_not_replaced() -> None:
    """The new connection is refused instead."""
    limits = ConnectionLimits(total=1, per_address=1)
    async with GuardedServer(limits, 0.3).run() as server:
        first = await server.open(WHOLE)
        assert await is_closed(await server.open(WHOLE))
        assert await read_status(first) == 200


@pytest.mark.parametrize(
    ("half", "rest"),
    [(HEAD, b"\r\n"), (HEAD + b"content-length: 6\r\n\r\nabc", b"def")],
    ids=["head", "body"],
)
async def test_half_a_request_costs_no_protocol(half: bytes, rest: bytes) -> None:
    """Which takes a hundred kilobytes."""
    async with GuardedServer(ConnectionLimits()).run() as server:
        pair = await server.open(half)
        assert server.created == 0
        pair[1].write(rest)
        assert await read_status(pair) == 200
        assert server.created == 1


@pytest.mark.parametrize("more", [b"\r\n" + bytes(1 << 15), b"Expect: 100-continue\r\n\r\n"])
async def test_a_large_body_goes_to_the_server_as_it_comes(more: bytes) -> None:
    """And so does the head of a client that waits to be asked for the body."""
    async with GuardedServer(ConnectionLimits()).run() as server:
        await server.open(POST.removesuffix(b"\r\n") + more)
        assert server.created == 1


async def test_a_head_without_end_is_refused() -> None:
    """By the server, when it is too large."""
    async with GuardedServer(ConnectionLimits()).run() as server:
        assert await read_status(await server.open(HEAD + b"X: " + bytes(1 << 17))) == 400
