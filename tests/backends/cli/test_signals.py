"""SIGINT and SIGTERM while a backend is at work."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from backends.cli.commands import run_async
from tests.support.make_clips import drawn, make_clip
from tests.support.paths import ROOT
from video_editing.cli.main import stop_on_signals
from video_editing.concurrency import count_cpus
from video_editing.contract.errors import Cancelled

OVERLAY = (sys.executable, "-c", "from backends.cli import main; raise SystemExit(main())")
SIGNALS = [signal.SIGINT, signal.SIGTERM]
PROMPT = 1.0  #: seconds in which a signal ends the work, on a machine without other work


@pytest.fixture(autouse=True)
def signals_are_heeded() -> Iterator[None]:
    """Also where the tests run in the background, for which a shell has SIGINT ignored."""
    before = [(number, signal.signal(number, signal.SIG_DFL)) for number in SIGNALS]
    yield
    for number, handler in before:
        signal.signal(number, handler)


def raise_cancelled(number: int) -> None:
    """What the command line does outside of an event loop."""
    raise Cancelled(number)


@pytest.mark.parametrize("sent", SIGNALS)
def test_a_signal_in_a_callback_of_the_loop_ends_the_work(sent: signal.Signals) -> None:
    """Where an exception of the handler would be swallowed."""

    async def wait() -> None:
        asyncio.get_running_loop().call_soon(signal.raise_signal, sent)
        await asyncio.sleep(60)

    began = time.monotonic()
    with pytest.raises(Cancelled) as stopped, stop_on_signals(raise_cancelled):
        run_async(wait())
    assert stopped.value.signal == sent
    assert time.monotonic() - began < 10


def test_the_work_cleans_up_and_its_own_error_is_not_shown() -> None:
    cleaned = []

    async def fail_at_end() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            cleaned.append(True)
            raise OSError("the child was killed")

    with pytest.raises(Cancelled), stop_on_signals(raise_cancelled):
        run_async(fail_at_end())
    assert cleaned


def test_the_work_that_nobody_stops_returns() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert run_async(work()) == 7


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More work than any test waits for."""
    path = tmp_path_factory.mktemp("clips") / "long.mp4"
    return make_clip(path, list(drawn(8, (640, 360))) * 200, options={"preset": "ultrafast"})


@contextmanager
def start(clip: Path, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run ``overlay edit`` with a local backend; its temporary files lie in *folder*."""
    (folder / "tmp").mkdir()
    environment = {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp"), "DATA_DIR": str(folder)}
    arguments = ["edit", clip, "-o", "r.mp4", "--backend", "local-cpu", "--progress", "json"]
    with subprocess.Popen(
        [*OVERLAY, *map(str, arguments)],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def find_processes(clip: Path) -> list[list[str]]:
    """The command lines of all processes that work on *clip*."""
    running = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [command for command in running if str(clip) in command]


@pytest.mark.parametrize("sent", SIGNALS)
def test_a_signal_ends_a_backend_of_this_machine(
    long_clip: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    """Within a second; the child is gone, and no file is left."""
    with start(long_clip, tmp_path) as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["stage"] == "mattes"
        began = time.monotonic()
        process.send_signal(sent)
        _, stderr = process.communicate(timeout=60)
    crowd = max(1.0, os.getloadavg()[0] / count_cpus())
    assert time.monotonic() - began < PROMPT * crowd
    assert process.returncode == 128 + sent
    assert json.loads(stderr.splitlines()[-1])["error"] == "Cancelled"
    assert "Traceback" not in stderr
    assert not find_processes(long_clip)
    assert [path.name for path in tmp_path.rglob("*")] == ["tmp"]
