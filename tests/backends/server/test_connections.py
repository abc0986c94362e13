"""Strangers and slow clients at the port of ``overlay serve``."""

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout

from backends.connection_guard import ConnectionLimits
from tests.backends.support.running_service import TOKEN
from tests.bot.support.bot_process import free_port
from tests.support.paths import ROOT

DESCRIPTORS = 1024
CONNECTIONS = 1100
HALF_HEAD = b"GET /healthz HTTP/1.1\r\n"
HALF_BODY = b"POST /overlays HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n" + b" " * 1000


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a service with few descriptors."""
    number = free_port()
    code = "import sys; from backends.cli import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", code, "serve", f"--port={number}"]
    settings = {
        "OVERLAY_TOKEN": TOKEN,
        "SERVICE_PLACE": "local-cpu",
        "SERVICE_DIR": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    with subprocess.Popen(words, cwd=tmp_path, env=os.environ | settings) as process:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        try:
            yield number
        finally:
            process.kill()


async def wait_until_served(port: int) -> None:
    """Wait for the first answer."""
    for _ in range(300):
        try:
            await measure_answer(port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError("it does not answer")


async def measure_answer(port: int) -> float:
    """Return the seconds in which /healthz answers."""
    began = time.monotonic()
    async with (
        ClientSession(timeout=ClientTimeout(5)) as session,
        session.get(f"http://127.0.0.1:{port}/healthz") as answer,
    ):
        assert answer.status == 200
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.parametrize("request_part", [HALF_HEAD, HALF_BODY], ids=["head", "body"])
async def test_half_requests_do_not_stop_it(port: int, request_part: bytes) -> None:
    """More than it has descriptors; and the upload of a stranger among them."""
    await wait_until_served(port)
    opened = []
    for _ in range(CONNECTIONS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_part)
        opened.append((reader, writer))
    for _ in range(20):
        assert await measure_answer(port) < 1
        await asyncio.sleep(0.1)
    for _, writer in opened:
        writer.close()


@pytest.mark.slow
async def test_a_stalled_upload_times_out(port: int) -> None:
    """Its connection is closed, with or without an answer, and no clip is stored."""
    await wait_until_served(port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    path, key = f"/clips/{sha256(b'clip').hexdigest()}", f"Authorization: Bearer {TOKEN}"
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\n{key}\r\nContent-Length: 1000000\r\n\r\n"
    writer.write(head.encode() + b"half a clip")
    async with asyncio.timeout(2 * ConnectionLimits().receive_seconds):
        await reader.read()
    writer.close()
    async with (
        ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session,
        session.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        assert answer.status == 404
