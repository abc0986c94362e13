"""Measure what one video costs the bot's machine, rendered there and rendered by a service.

``uv run python -m benchmarks.rendering CLIP`` makes a 1080p30 clip with sound from CLIP, starts the
service in a process of its own on this machine, and prints a Markdown table with the processor time
of everything but the service.
"""

import argparse
import asyncio
import os
import resource
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from aiohttp import ClientError, ClientSession

from backends.local.process import ProcessLimits
from backends.local.video_cli import VideoCli
from backends.remote.backend import RemoteBackend
from backends.remote.renderer import ServiceRenderer
from backends.rendering.base import LocalRenderer, Renderer, RenderRequest
from benchmarks.footage import make_footage
from benchmarks.machine import describe_machine
from benchmarks.table import format_table
from settings import RemoteSettings
from video_editing.contract.engines import FAST_ENGINE
from video_editing.contract.plan import read_plan
from video_editing.contract.progress import ignore
from video_editing.contract.style import Style

LIMITS = ProcessLimits(3600, 120, 4_000_000_000)
HEADERS = "what", "seconds", "processor seconds", "processors"


class Usage(NamedTuple):
    """What one step took.

    Attributes:
        seconds: of the wall clock.
        cpu_seconds: of this process and its children that have ended; the service has not.
    """

    seconds: float
    cpu_seconds: float


async def measure(work: Awaitable[object]) -> Usage:
    """Wait for *work* and measure it."""
    began, cpu_before = time.perf_counter(), _read_cpu_seconds()
    await work
    return Usage(time.perf_counter() - began, _read_cpu_seconds() - cpu_before)


def _read_cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


@asynccontextmanager
async def run_service(folder: Path, token: str) -> AsyncIterator[str]:
    """Run ``overlay serve`` on the processor, and yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = {"OVERLAY_TOKEN": token, "SERVICE_DIR": str(folder), "SERVICE_PLACE": "local-cpu"}
    program = "from backends.cli import main; main()"
    with subprocess.Popen(  # noqa: ASYNC220 - it blocks for milliseconds
        [sys.executable, "-c", program, "serve", f"--port={port}"], env=os.environ | settings
    ) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            await _wait_until_up(address)
            yield address
        finally:
            process.terminate()


async def _wait_until_up(address: str) -> None:
    async with ClientSession() as session, asyncio.timeout(60):
        while True:
            try:
                async with session.get(f"{address}/healthz"):
                    return
            except ClientError:
                await asyncio.sleep(0.2)


async def measure_video(
    clip: Path, background: str, folder: Path, settings: RemoteSettings, *, is_remote: bool
) -> tuple[Usage, Usage]:
    """Return what the mattes, made by the service, and the video cost this machine."""
    mattes = folder / "mattes"
    plan = "matte", str(clip), f"--segments={mattes}", "--plan-only", f"--engine={FAST_ENGINE}"
    await VideoCli("local", LIMITS).run(*plan, report=ignore)
    backend = RemoteBackend("service", settings, keeps_clips=is_remote)
    made = await measure(backend.make_mattes(clip, read_plan(mattes), mattes, ignore))
    renderer: Renderer = LocalRenderer(LIMITS)
    if is_remote:
        renderer = ServiceRenderer("service", settings)
    request = RenderRequest(
        clip, mattes, background, Style(), max_bytes=49_000_000, thumbnail=folder / "t.jpg"
    )
    return made, await measure(renderer.render(request, folder / "result.mp4", ignore))


async def measure_both(clip: Path, background: str, folder: Path) -> list[tuple[str, ...]]:
    """Return the rows of the table."""
    token, rows = secrets.token_hex(16), []
    async with run_service(folder / "service", token) as address:
        settings = RemoteSettings(endpoint=address, token=token)
        for name, is_remote in (("this machine", False), ("the service", True)):
            place = folder / name.replace(" ", "-")
            place.mkdir()
            made, rendered = await measure_video(
                clip, background, place, settings, is_remote=is_remote
            )
            for what, usage in (("mattes, service", made), (f"video, {name}", rendered)):
                share = usage.cpu_seconds / usage.seconds
                rows.append(
                    (what, f"{usage.seconds:.1f}", f"{usage.cpu_seconds:.1f}", f"{share:.2f}")
                )
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--background", default="#1d3557")
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        clip = Path(name) / "clip.mp4"
        make_footage(arguments.clip, clip, arguments.seconds)
        rows = asyncio.run(measure_both(clip, arguments.background, Path(name)))
    print(describe_machine())
    print(format_table(HEADERS, rows))


if __name__ == "__main__":
    main()
