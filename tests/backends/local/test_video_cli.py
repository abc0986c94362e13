"""The command line of video_editing as a child: what it says in the end, and how it stands back."""

import sys

import pytest

from backends.local.process import ProcessLimits, run_supervised
from backends.local.video_cli import VideoCli
from video_editing.contract.progress import ignore_progress

LIMITS = ProcessLimits(max_seconds=20, stall_seconds=20, max_memory=10**9)


def saying(*lines: str) -> VideoCli:
    """A command that prints *lines*."""
    return VideoCli("here", LIMITS, (sys.executable, "-c", f"print(*{lines!r}, sep=chr(10))"))


async def test_what_a_child_says_of_its_result_is_returned() -> None:
    """The last line of the command line, as numbers and names."""
    step = '{"stage": "edit", "done": 1, "total": 1, "fps": 1}'
    done = '{"stage": "done", "result": "r.mp4", "width": 640}'
    said = await saying(step, done).run(report=ignore_progress)
    assert said == {"stage": "done", "result": "r.mp4", "width": 640}


@pytest.mark.parametrize("line", ["", "done", "[1]", '{"stage": "edit"}', "{"])
async def test_a_child_that_says_nothing_of_its_result_returns_nothing(line: str) -> None:
    """Whatever else it says."""
    assert await saying(line).run(report=ignore_progress) == {}


@pytest.mark.parametrize("nice", [0, 10])
async def test_a_child_stands_back_as_far_as_asked(nice: int) -> None:
    """So that a picture that somebody waits for comes before a video's."""
    said = []
    limits = ProcessLimits(20, 20, 10**9, nice)
    program = [sys.executable, "-c", "import os; print(os.nice(0))"]
    await run_supervised(program, limits, lambda line: bool(said.append(line)))
    assert said == [b"%d" % nice]
