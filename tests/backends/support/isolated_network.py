"""An isolated network in one thread, in which every address is local.

In the network namespace of the thread, all IPv4 and IPv6 addresses belong to this machine. A server
on all addresses receives every connection and can record its destination. A small DNS server
resolves the names. The tests run the unmodified guard: it needs no exception for local addresses.
"""

import asyncio
import ctypes
import os
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web

CLONE_NEWNS, CLONE_NEWNET = 0x0002_0000, 0x4000_0000  #: linux/sched.h
MS_REC, MS_PRIVATE, MS_BIND = 0x4000, 1 << 18, 0x1000  #: linux/mount.h
PUBLIC = "93.184.216.34"  #: the address of the well-behaved server
COMMANDS = (
    "ip link set lo up",
    f"ip address add {PUBLIC}/32 dev lo",
    "ip address add 2600:1406::1/128 dev lo",
    "ip route add local 0.0.0.0/0 dev lo",
    "ip -6 route add local ::/0 dev lo",
)
#: returns the addresses of a name for one query; None: the query gets no answer
ResolveName = Callable[[str], list[str] | None]

T = TypeVar("T")


class IsolatedNetwork:
    """Runs functions in the thread with the network namespace."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run *work* in the thread, in a new event loop."""

        async def run_work() -> T:
            return await work()

        return self._thread.submit(asyncio.run, run_work()).result()


@contextmanager
def open_isolated_network(folder: Path) -> Iterator[IsolatedNetwork]:
    """Open the network; skips the test without permission for namespaces."""
    with ThreadPoolExecutor(1) as thread:
        try:
            thread.submit(_enter_namespaces, folder).result()
        except (OSError, subprocess.CalledProcessError) as err:
            pytest.skip(f"no network namespace here: {err}")
        yield IsolatedNetwork(thread)


def _enter_namespaces(folder: Path) -> None:
    """Move this thread and its future threads into new network and mount namespaces."""
    libc = ctypes.CDLL(None, use_errno=True)

    def check(code: int) -> None:
        if code:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    check(libc.unshare(CLONE_NEWNET | CLONE_NEWNS))
    check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    for name, text in (
        ("resolv.conf", "nameserver 127.0.0.53\noptions timeout:1 attempts:2\n"),
        ("hosts", "127.0.0.1 localhost\n"),
        ("nsswitch.conf", "hosts: files dns\n"),
    ):
        (folder / name).write_text(text)
        if Path("/etc", name).exists():
            check(libc.mount(bytes(folder / name), f"/etc/{name}".encode(), None, MS_BIND, None))
    for command in COMMANDS:
        subprocess.run(command.split(), check=True, capture_output=True)


@asynccontextmanager
async def serve_on_all_addresses(
    app: web.Application, port: int, **options: Any
) -> AsyncIterator[None]:
    """Serve *app* on *port* of all addresses."""
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    sockets = [socket.socket(family) for family in (socket.AF_INET, socket.AF_INET6)]
    sockets[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    for listener, address in zip(sockets, ("0.0.0.0", "::"), strict=True):  # noqa: S104
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        await web.SockSite(runner, listener, **options).start()
    try:
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serve_dns(resolve: ResolveName) -> AsyncIterator[list[str]]:
    """Answer the DNS queries of the network and yield the list of the queried names."""
    queried: list[str] = []
    loop = asyncio.get_running_loop()
    server, _ = await loop.create_datagram_endpoint(
        lambda: _DnsServer(resolve, queried), local_addr=("127.0.0.53", 53)
    )
    try:
        yield queried
    finally:
        server.close()


class _DnsServer(asyncio.DatagramProtocol):
    """Answers A and AAAA queries (RFC 1035, section 4) with a TTL of 0 s."""

    def __init__(self, resolve: ResolveName, queried: list[str]) -> None:
        self._resolve, self._queried = resolve, queried

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        name, end = _parse_name(data)
        kind = struct.unpack("!H", data[end : end + 2])[0]
        self._queried.append(name)
        family = {1: socket.AF_INET, 28: socket.AF_INET6}.get(kind)
        addresses = self._resolve(name) if family else []
        if addresses is None:
            return
        packed = [_pack_address(family, address) for address in addresses]
        records = [
            struct.pack("!HHHIH", 0xC00C, kind, 1, 0, len(address)) + address
            for address in packed
            if address
        ]
        head = data[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0)
        self._transport.sendto(head + data[12 : end + 4] + b"".join(records), addr)


def _pack_address(family: int | None, address: str) -> bytes | None:
    try:
        return socket.inet_pton(family or 0, address)
    except OSError:
        return None


def _parse_name(data: bytes) -> tuple[str, int]:
    labels, at = [], 12
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode(errors="replace"))
        at += 1 + data[at]
    return ".".join(labels), at + 1
