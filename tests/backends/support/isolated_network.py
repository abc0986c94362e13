"""An isolated network in one thread, in which every address is local.

In the thread's network namespace all IPv4 and IPv6 addresses are local, so a server that listens
on all of them accepts every connection and records the address. A small name server resolves
names. The guard under test is the real one, without exceptions for tests.
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
PUBLIC = "93.184.216.34"  #: address of the server that is reachable
COMMANDS = (
    "ip link set lo up",
    f"ip address add {PUBLIC}/32 dev lo",
    "ip address add 2600:1406::1/128 dev lo",
    "ip route add local 0.0.0.0/0 dev lo",
    "ip -6 route add local ::/0 dev lo",
)
ANSWERS = Callable[[str], list[str]]  #: the addresses of a name, for one lookup

T = TypeVar("T")


class Lab:
    """The thread with the network."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run *work* in the lab's thread, in an event loop of its own."""

        async def alone() -> T:
            return await work()

        return self._thread.submit(asyncio.run, alone()).result()


@contextmanager
def opened_lab(folder: Path) -> Iterator[Lab]:
    """Open the lab; skip the test if that is not permitted."""
    with ThreadPoolExecutor(1) as thread:
        try:
            thread.submit(_enter, folder).result()
        except (OSError, subprocess.CalledProcessError) as err:
            pytest.skip(f"no network namespace here: {err}")
        yield Lab(thread)


def _enter(folder: Path) -> None:
    """Leave the world, for this thread and those that it starts."""
    libc = ctypes.CDLL(None, use_errno=True)

    def done(code: int) -> None:
        if code:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    done(libc.unshare(CLONE_NEWNET | CLONE_NEWNS))
    done(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    for name, text in (
        ("resolv.conf", "nameserver 127.0.0.53\noptions timeout:1 attempts:2\n"),
        ("hosts", "127.0.0.1 localhost\n"),
        ("nsswitch.conf", "hosts: files dns\n"),
    ):
        (folder / name).write_text(text)
        if Path("/etc", name).exists():
            done(libc.mount(bytes(folder / name), f"/etc/{name}".encode(), None, MS_BIND, None))
    for command in COMMANDS:
        subprocess.run(command.split(), check=True, capture_output=True)


@asynccontextmanager
async def listening(app: web.Application, port: int, **options: Any) -> AsyncIterator[None]:
    """Serve *app* on *port* of every address."""
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
async def naming(answers: ANSWERS) -> AsyncIterator[list[str]]:
    """Answer the questions of the lab's resolver; gives the names that were asked for."""
    asked: list[str] = []
    loop = asyncio.get_running_loop()
    server, _ = await loop.create_datagram_endpoint(
        lambda: _NameServer(answers, asked), local_addr=("127.0.0.53", 53)
    )
    try:
        yield asked
    finally:
        server.close()


class _NameServer(asyncio.DatagramProtocol):
    """A and AAAA (RFC 1035, section 4), for a second each time."""

    def __init__(self, answers: ANSWERS, asked: list[str]) -> None:
        self._answers, self._asked = answers, asked

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        name, end = _name(data)
        kind = struct.unpack("!H", data[end : end + 2])[0]
        self._asked.append(name)
        family = {1: socket.AF_INET, 28: socket.AF_INET6}.get(kind)
        packed = [_packed(family, address) for address in self._answers(name)] if family else []
        records = [
            struct.pack("!HHHIH", 0xC00C, kind, 1, 0, len(address)) + address
            for address in packed
            if address
        ]
        head = data[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0)
        self._transport.sendto(head + data[12 : end + 4] + b"".join(records), addr)


def _packed(family: int | None, address: str) -> bytes | None:
    try:
        return socket.inet_pton(family or 0, address)
    except OSError:
        return None


def _name(data: bytes) -> tuple[str, int]:
    labels, at = [], 12
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode(errors="replace"))
        at += 1 + data[at]
    return ".".join(labels), at + 1
