"""The command line of `video_editing` as a child process: its result and its priority."""

import sys

import pytest

from backends.local.process import ProcessLimits, run_supervised
from backends.local.video_cli import VideoCli
from video_editing.contract.progress import ignore

LIMITS = ProcessLimits(max_seconds=20, stall_seconds=20, max_memory=10**9)


def run_printing(*lines: str) -> VideoCli:
    """A command that prints *lines*."""
    return VideoCli("here", LIMITS, (sys.executable, "-c", f"print(*{lines!r}, sep=chr(10))"))


async def test_the_result_line_of_a_child_is_returned() -> None:
    """The last line of the command line, as numbers and names."""
    step = '{"stage": "edit", "done": 1, "total": 1, "fps": 1}'
    done = '{"stage": "done", "result": "r.mp4", "width": 640}'
    output = await run_printing(step, done).run(report=ignore)
    assert output == {"stage": "done", "result": "r.mp4", "width": 640}


@pytest.mark.parametrize("line", ["", "done", "[1]", '{"stage": "edit"}', "{"])
async def test_a_child_without_a_result_line_returns_nothing(line: str) -> None:
    """Any other line is ignored."""
    assert await run_printing(line).run(report=ignore) == {}


@pytest.mark.parametrize("nice", [0, 10])
async def test_a_child_has_the_requested_priority(nice: int) -> None:
    """A preview that a user waits for gets more processor time than a video."""
    output = []
    limits = ProcessLimits(20, 20, 10**9, nice)
    program = [sys.executable, "-c", "import os; print(os.nice(0))"]
    await run_supervised(program, limits, lambda line: bool(output.append(line)))
    assert output == [b"%d" % nice]
