"""Strangers at the port of the bot: they stop neither its pages nor its work."""

import asyncio
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from tests.bot.support.conversation import always_true, clip, ordered, result_for
from tests.bot.support.fake_telegram import Telegram
from tests.bot.support.programs import PROGRAMS
from tests.bot.support.running_bot import Opener

DESCRIPTORS = 1024  #: of the bot, as many systems have it
CONNECTIONS = 1100
HALF_HEAD = b"GET /healthz HTTP/1.1\r\nHost: bot.example\r\n"
HALF_BODY = (
    b"POST /telegram HTTP/1.1\r\nHost: bot.example\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2000\r\n\r\n" + b" " * 1000
)
ATTACK_SECONDS = 60


@contextmanager
def half_requests(port: int, request: Path) -> Iterator[None]:
    """Hold so many connections with half a request while the block runs."""
    command = [sys.executable, PROGRAMS / "half_requests.py", str(port), str(CONNECTIONS), request]
    with subprocess.Popen(command) as process:
        try:
            yield
            assert process.poll() is None
        finally:
            process.kill()


async def measure_slowest_answer(port: int, seconds: float) -> float:
    """Ask for /healthz again and again; return the seconds of the slowest answer."""
    slowest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            async with (
                ClientSession(timeout=ClientTimeout(5)) as session,
                session.get(f"http://127.0.0.1:{port}/healthz") as answer,
            ):
                assert answer.status == 200
            slowest = max(slowest, time.monotonic() - began)
        except (ClientError, OSError, TimeoutError):
            slowest = float("inf")
        await asyncio.sleep(0.1)
    return slowest


@pytest.mark.slow
@pytest.mark.parametrize(
    "request_part", [HALF_HEAD, HALF_BODY, b""], ids=["head", "body", "nothing"]
)
async def test_half_requests_for_a_minute(
    telegram: Telegram, open_bot: Opener, tmp_path: Path, request_part: bytes
) -> None:
    """The page of health answers, a job is delivered, and the log stays small."""
    (tmp_path / "request").write_bytes(request_part)
    bot = open_bot(LOG_LEVEL="INFO").start()
    resource.prlimit(bot.process.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    await bot.ready()
    before, ann = len(bot.log), telegram.user(7)
    with half_requests(bot.port, tmp_path / "request"):
        watching = asyncio.create_task(measure_slowest_answer(bot.port, ATTACK_SECONDS))
        await asyncio.sleep(10)
        card = await ordered(ann, clip())
        await result_for(ann, card)
        slowest = await watching
    assert slowest < 1
    assert len(bot.log) - before < 1_000_000
    await always_true(telegram, bot)
