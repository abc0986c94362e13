"""The process: what keeps it from starting, what ends it, and how fast."""

import asyncio
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from aiohttp import ClientSession

from bot.operations.http import WEBHOOK_HEADER, build_webhook_url
from tests.bot.support.bot_process import SECRET, WEBHOOK, BotProcess
from tests.bot.support.conversation import clip, ordered, result_for, settled
from tests.bot.support.fake_telegram import Telegram
from tests.bot.support.running_bot import Opener, RunningBot
from tests.support.paths import ROOT

END_SECONDS = 2.0  #: from SIGTERM to the exit, whatever hangs
CANARY = "canary-of-a-password"
WRONG = {
    "BOT_TOKEN": ("", "canary", "4242", "canary:4242"),
    "ADMIN_IDS": ("canary", "1,canary", "1;@two"),
    "WEBHOOK_URL": ("http://canary.example", "canary"),
    "WEBHOOK_SECRET": ("canary", "canary of fourteen words"),
    "DATABASE_URL": (
        f"mysql://bot:{CANARY}@host/bot",
        f"postgresql://bot:{CANARY}@[host/bot",
        f"postgresql://bot:{CANARY}@host:port/bot",
    ),
    "OVERLAY_BACKENDS": ("canary", "local-cpu,canary", ","),
    "PORT": ("canary", "0", "65536"),
    "JOBS_AT_ONCE": ("0", "canary"),
    "LOG_LEVEL": ("canary",),
    "TELEGRAM_API_SERVER": ("ftp://canary.example",),
}


def one_line(bot: BotProcess) -> str:
    """All that it wrote, which is not more than that."""
    lines = [line for line in bot.log.splitlines() if line.strip()]
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
async def test_a_wrong_setting_is_named_and_not_shown(
    open_bot: Opener, name: str, value: str
) -> None:
    """In one line, with status 2."""
    bot = open_bot(**{name: value}).start()
    assert await bot.ended() == 2
    assert name in one_line(bot)
    assert "canary" not in bot.log


@pytest.mark.slow
async def test_a_real_process_says_it_too(open_bot: Opener) -> None:
    """`python -m bot` without a token: one line, status 2, and no traceback."""
    bot = open_bot(real=True, BOT_TOKEN="", WEBHOOK_URL="https://bot.example").start()
    assert await bot.ended(30) == 2
    assert (
        one_line(bot)
        == "overlaybot: WEBHOOK_SECRET must be set with WEBHOOK_URL, or anybody could write"
    )


async def test_a_port_that_is_taken_is_named(open_bot: Opener) -> None:
    """By a process that runs already."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bot = open_bot(PORT=str(taken.getsockname()[1])).start()
        assert await bot.ended() == 2
    assert "PORT" in one_line(bot)


@pytest.mark.parametrize("folder", ["/proc/nothing/data", "/dev/null/data", "/sys"])
async def test_a_folder_that_cannot_be_written_is_named(open_bot: Opener, folder: str) -> None:
    """Before anything else is tried."""
    bot = open_bot(DATA_DIR=folder).start()
    assert await bot.ended() == 2
    assert "DATA_DIR" in one_line(bot)


async def test_a_broken_database_is_named(open_bot: Opener, tmp_path: Path) -> None:
    """And kept as it is, so that it can be repaired."""
    bot = open_bot()
    file = tmp_path / "bot" / "data" / "overlaybot.sqlite"
    file.parent.mkdir()
    file.write_bytes(b"not a database at all" * 1000)
    assert await bot.start().ended() == 2
    line = bot.log.splitlines()[-1]
    assert line.startswith("overlaybot: overlaybot.sqlite is damaged")
    assert file.read_bytes() == b"not a database at all" * 1000


async def test_a_refused_token_ends_it(open_bot: Opener) -> None:
    """With status 2: a restart would not help."""
    bot = open_bot(BOT_TOKEN=f"4242:{'x' * 35}").start()
    assert await bot.ended() == 2
    assert "BOT_TOKEN is refused" in bot.log.splitlines()[-1]


@pytest.mark.slow
def test_what_it_does_not_expect_ends_it(telegram: Telegram, tmp_path: Path) -> None:
    """With a line that is JSON and status 1, so that the platform starts it again."""
    script = (
        "import asyncio, sys; import bot.__main__ as entry; from bot import app as running\n"
        "async def broken(*_):\n    await asyncio.sleep(0.3); raise ZeroDivisionError('canary')\n"
        "running.poll = broken\nsys.exit(entry.main())"
    )
    environment = {
        "BOT_TOKEN": telegram.token,
        "TELEGRAM_API_SERVER": telegram.url,
        "DATA_DIR": str(tmp_path),
        "OVERLAY_BACKENDS": "local-cpu",
        "PORT": str(BotProcess(telegram, tmp_path).port),
    }
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "the bot failed" in ended.stdout.splitlines()[-1]
    assert "ZeroDivisionError" in ended.stdout.splitlines()[-1]
    assert time.monotonic() - began < 15


async def test_it_works_though_telegram_is_away(telegram: Telegram, open_bot: Opener) -> None:
    """It is alive, and ready as soon as Telegram is back."""
    away = telegram.fails(status=502, times=float("inf"))
    bot = open_bot().start()
    await telegram.until(lambda: telegram.calls.of("deleteWebhook"), 15, "it to begin")
    assert (await bot.asked("/healthz"), await bot.asked("/readyz")) == (200, 503)
    assert away.hit
    telegram.heals()
    await bot.ready(20)
    ann = telegram.user(7)
    await ordered(ann, clip())


async def test_updates_that_come_before_its_turn_come_again(
    open_bot: Opener, tmp_path: Path
) -> None:
    """Telegram or Shotstack bring them again, later."""
    first = await open_bot().start().ready()
    data = str(tmp_path / "bot" / "data")
    hook = {"WEBHOOK_URL": WEBHOOK, "WEBHOOK_SECRET": SECRET}
    second = open_bot("second", DATA_DIR=data, **hook).start()
    while await second.asked("/healthz") != 200:
        await asyncio.sleep(0.05)
    path = build_webhook_url(WEBHOOK, SECRET).path
    async with (
        ClientSession(
            f"http://127.0.0.1:{second.port}", headers={WEBHOOK_HEADER: SECRET}
        ) as telegram,
        telegram.post(path, json={"update_id": 1}) as answer,
    ):
        assert answer.status == 503
    assert (await first.asked("/readyz"), await second.asked("/readyz")) == (200, 503)


# what it tells


async def test_its_metrics(talk: RunningBot) -> None:
    """After a job: how many, how long, where, how late the loop was."""
    user = talk.user()
    await result_for(user, await ordered(user, clip()))
    await settled(talk.bot, user)
    metrics = await talk.bot.metrics()
    values = {
        name: float(value) for name, value in re.findall(r"^([^#].*) (\S+)$", metrics, re.MULTILINE)
    }
    assert values['overlaybot_jobs_ended_total{state="done"}'] == 1
    assert values['overlaybot_jobs_open{state="running"}'] == 0
    assert values['overlaybot_stage_seconds_p95{stage="mattes"}'] > 0
    assert values['overlaybot_place_ready{place="local-cpu"}'] == 1
    assert values['overlaybot_calls_repeated_total{kind="all"}'] >= 0
    assert 0 <= values['overlaybot_loop_lag_seconds{quantile="0.99"}'] < 1
    assert 0 < values["process_resident_memory_bytes"] < 250e6


# the end


async def ends(bot: BotProcess) -> None:
    """At once, with status 0, and no other way."""
    ended = await bot.stop()
    assert (ended.code, ended.seconds < END_SECONDS) == (0, True), (ended, bot.log[-2000:])


async def test_it_ends_while_telegram_hangs(telegram: Telegram, open_bot: Opener) -> None:
    """Though Telegram cannot be reached."""
    bot = await open_bot().start().ready()
    await ordered(telegram.user(7), clip(matte={"seconds": 20}))
    await telegram.until(lambda: bot.runs("matte"), 20, "a job")
    telegram.fails(delay=30, times=float("inf"))
    await ends(bot)


async def test_it_ends_while_the_database_is_locked(open_bot: Opener, tmp_path: Path) -> None:
    """By a process that never releases it: before the start, and while the bot works."""
    bot = await open_bot().start().ready()
    with closing(sqlite3.connect(tmp_path / "bot" / "data" / "overlaybot.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        await ends(bot)
        bot.start()
        while await bot.asked("/healthz") != 200:
            await asyncio.sleep(0.05)
        assert await bot.asked("/readyz") == 503
        await ends(bot)


async def test_it_ends_while_it_waits_for_its_turn(open_bot: Opener, tmp_path: Path) -> None:
    """The one before it goes on."""
    first = await open_bot().start().ready()
    second = open_bot("second", DATA_DIR=str(tmp_path / "bot" / "data")).start()
    while await second.asked("/healthz") != 200:
        await asyncio.sleep(0.05)
    await ends(second)
    assert await first.asked("/readyz") == 200


async def test_it_is_told_twice(open_bot: Opener) -> None:
    """As impatient platforms do, and terminals."""
    bot = await open_bot().start().ready()
    bot.process.send_signal(signal.SIGINT)
    await ends(bot)


@pytest.mark.parametrize(
    "hangs", ["time.sleep(60)", pytest.param("while True: pass", marks=pytest.mark.slow)]
)
def test_it_ends_though_the_loop_never_comes_back(hangs: str) -> None:
    """A thread sees to it."""
    script = f"""
import asyncio, time
from bot.app import ShutdownSignal
async def main():
    ShutdownSignal()
    print("ready", flush=True)
    {hangs}
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE) as it:
        assert it.stdout
        it.stdout.readline()
        began = time.monotonic()
        os.kill(it.pid, signal.SIGTERM)
        try:
            assert it.wait(10) == 0
        finally:
            it.kill()
        assert time.monotonic() - began < END_SECONDS


async def test_a_lost_lock_ends_it(telegram: Telegram, open_bot: Opener, postgres: str) -> None:
    """Another process may work by now; the platform starts this one again."""
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as server:
        server.execute('CREATE DATABASE "lost"')
        bot = await open_bot(DATABASE_URL=f"{postgres}/lost").start().ready()
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = 'lost')"
        )
        assert await bot.ended(20) == 1
    assert "lock is lost" in bot.log
    assert not telegram.calls.of("sendMessage")


async def read_metrics(bot: BotProcess, **headers: str) -> tuple[int, str]:
    """Return the status and the text of the page of metrics."""
    address = f"http://127.0.0.1:{bot.port}/metrics"
    async with ClientSession() as session, session.get(address, headers=headers) as answer:
        return answer.status, await answer.text()


def note_work_elsewhere(bot: BotProcess) -> None:
    """Write down that a service worked for a job."""
    row = ("job", "mattes", "https://gpu.invalid", 1, 1, time.time())
    with closing(sqlite3.connect(bot.folder / "data/overlaybot.sqlite", timeout=10)) as connection:
        connection.execute(
            "INSERT INTO measures (job, stage, place, seconds, dollars, at) VALUES (?,?,?,?,?,?)",
            row,
        )
        connection.commit()


async def test_metrics_without_a_token_show_less(open_bot: Opener) -> None:
    """Neither what was spent nor where services are."""
    bot = await open_bot().start().ready()
    note_work_elsewhere(bot)
    status, page = await read_metrics(bot)
    assert status == 200
    assert "dollars" not in page
    assert "gpu.invalid" not in page
    assert 'place="service-' in page


async def test_a_token_protects_the_metrics(open_bot: Opener) -> None:
    """Who has it sees all."""
    settings = {"METRICS_TOKEN": "canary"}
    bot = await open_bot(**settings).start().ready()
    note_work_elsewhere(bot)
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "canary"}):
        assert (await read_metrics(bot, **wrong))[0] == 401
    status, page = await read_metrics(bot, Authorization="Bearer canary")
    assert status == 200
    assert 'overlaybot_dollars{period="month"} 1.0' in page
    assert 'place="https://gpu.invalid"' in page
