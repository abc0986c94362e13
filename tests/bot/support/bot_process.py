"""The bot as a process of its own, as it runs anywhere: started, asked to end, killed."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg
from aiohttp import ClientError, ClientSession, ClientTimeout
from psycopg.rows import dict_row

from tests.bot.support.fake_telegram import TOKEN, Telegram
from tests.bot.support.forked_processes import Forked, Nursery
from tests.support.paths import ROOT

START_SECONDS = 30.0  #: in which it must be ready, on a machine that does much else
WEBHOOK = "https://bot.example/telegram"
SECRET = "canary-webhook-secret"  # noqa: S105 - of a webhook that is not there
KEYS = {"MODAL_KEY": "canary-modal-key", "MODAL_SECRET": "canary-modal-secret"}
NURSERY = Nursery()  #: of all bots with a stand-in
#: secrets; one of them in any output is a leak
CANARIES = (TOKEN.partition(":")[2], SECRET, *KEYS.values())


@dataclass
class Ended:
    """How the process ended."""

    code: int
    seconds: float


class BotProcess:
    """One bot, which may live several times.

    Attributes:
        folder: of its data; the stand-in's files lie beside.
        tools: the stand-in's folder; without one it runs as anywhere, with the real program.
        born: monotonic time of the last start.
    """

    def __init__(
        self,
        telegram: Telegram,
        folder: Path,
        tools: Path | None = None,
        environment: Mapping[str, str] | None = None,
        nursery: Nursery = NURSERY,
    ) -> None:
        self.telegram, self.folder, self.tools = telegram, folder, tools
        self._nursery = nursery
        self.port = free_port()
        self.born = 0.0
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/tmp"),  # noqa: S108 - it is only read
            "BOT_TOKEN": telegram.token,
            "TELEGRAM_API_SERVER": telegram.url,
            "DATA_DIR": str(folder / "data"),
            "PORT": str(self.port),
            "ADMIN_IDS": "1",
            "OVERLAY_BACKENDS": "local-cpu",
            "PYTHONUNBUFFERED": "1",
            "PYTHONHASHSEED": "0",
            "LOG_LEVEL": "DEBUG",
            **KEYS,
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | Forked | None = None
        self.output = folder / "output.log"
        folder.mkdir(parents=True, exist_ok=True)

    # its life

    def start(self, **environment: str) -> Self:
        """Start it; it is not ready yet."""
        self.born = time.monotonic()
        environment = self._environment | environment
        if self.tools:
            self._process = self._nursery.fork(environment, self.output, self.tools)
            return self
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bot"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self

    async def ready(self, seconds: float = START_SECONDS) -> Self:
        """Wait until /readyz answers 200."""
        deadline = time.monotonic() + seconds
        while (code := await self.asked("/readyz")) != 200:
            assert self.alive, f"it ended with {self.process.returncode}:\n{self.log[-3000:]}"
            assert time.monotonic() < deadline, f"not ready: {code}\n{self.log[-3000:]}"
            await asyncio.sleep(0.03)
        return self

    async def asked(self, path: str) -> int:
        """The status of one of its pages; 0 without an answer."""
        try:
            async with (
                ClientSession(timeout=ClientTimeout(2)) as session,
                session.get(f"http://127.0.0.1:{self.port}{path}") as answer,
            ):
                return answer.status
        except (ClientError, OSError, TimeoutError):
            return 0

    async def metrics(self) -> str:
        """Its page of metrics."""
        return await self.page("/metrics")

    async def page(self, path: str) -> str:
        """What is on one of its pages."""
        async with (
            ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{path}") as answer,
        ):
            return await answer.text()

    def kill(self) -> None:
        """As a kernel does that has no memory left."""
        if self._process and self.alive:
            self._process.kill()
        if self._process:
            self._process.wait()

    async def stop(self, seconds: float = 10) -> Ended:
        """Ask it to end, as a platform does."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = await self.ended(seconds)
        return Ended(code, time.monotonic() - began)

    async def ended(self, seconds: float = 10) -> int:
        """Wait for its end; gives the exit code."""
        deadline = time.monotonic() + seconds
        while self.alive:
            assert time.monotonic() < deadline, f"it does not end:\n{self.log[-3000:]}"
            await asyncio.sleep(0.01)
        code = self.process.returncode
        assert code is not None
        return code

    @property
    def process(self) -> subprocess.Popen[bytes] | Forked:
        """The process, which was started."""
        assert self._process is not None
        return self._process

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    # what it left and takes

    @property
    def log(self) -> str:
        """All that it wrote, in all its lives."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    @property
    def jobs(self) -> Path:
        """Where the folders of its jobs are."""
        return self.folder / "data" / "jobs"

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What its database answers."""
        address = self._environment.get("DATABASE_URL")
        if address:
            with psycopg.connect(address, row_factory=dict_row) as connection:
                return connection.execute(query).fetchall()
        path = f"file:{self.folder}/data/overlaybot.sqlite?mode=ro"
        with closing(sqlite3.connect(path, uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query)]

    def end_series(self) -> None:
        """Have all clips come a minute earlier: the next one is of no series with them."""
        address, query = (
            self._environment.get("DATABASE_URL"),
            ("UPDATE drafts SET created = created - 60"),
        )
        if address:
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute(query)
            return
        path = self.folder / "data" / "overlaybot.sqlite"
        with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as file:
            file.execute(query)

    def runs(self, *commands: str) -> list[dict[str, Any]]:
        """What the stand-in was asked to do."""
        path = (self.tools or self.folder) / "runs.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        every = [json.loads(line) for line in lines]
        return [run for run in every if not commands or run["command"] in commands]

    def behave(self, **behaviour: dict[str, Any]) -> None:
        """How the stand-in's runs go from now on, by command."""
        assert self.tools
        (self.tools / "behaviour.json").write_text(json.dumps(behaviour))

    def children(self) -> list[int]:
        """Ids of the processes that it started, or that work in its folder."""
        words = [str(self.folder / "data"), *([str(self.tools)] if self.tools else [])]
        own = self._process.pid if self._process else -1
        found = []
        for pid, command in processes():
            if pid != own and (any(word in command for word in words) or parent(pid) == own):
                found.append(pid)
        return found

    def memory(self) -> float:
        """Megabytes (10^6 bytes) of main memory that it holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024 / 1e6

    def threads(self) -> int:
        """How many it has."""
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))


def free_port() -> int:
    """A port that is not in use."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def processes() -> Iterator[tuple[int, str]]:
    """All that run: their ids and command lines."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                if words:
                    yield int(folder.name), words.decode(errors="replace")
            except OSError:
                continue


def parent(pid: int) -> int:
    """The id of its parent; 0 where it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def environment(pid: int) -> str:
    """What a process knows of it."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().replace(b"\0", b"\n").decode()
    except OSError:
        return ""


def kill_all(pids: Sequence[int]) -> None:
    """End those that are left."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
