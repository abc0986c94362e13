"""The command line of video_editing as a child: what it says in the end, and how it stands back."""

import sys

import pytest

from backends.local.process import Limits, run
from backends.local.video_cli import Command
from video_editing.contract.progress import unreported

LIMITS = Limits(seconds=20, patience=20, memory=10**9)


def saying(*lines: str) -> Command:
    """A command that prints *lines*."""
    return Command("here", LIMITS, (sys.executable, "-c", f"print(*{lines!r}, sep=chr(10))"))


async def test_what_a_child_says_of_its_result_is_returned() -> None:
    """The last line of the command line, as numbers and names."""
    step = '{"stage": "edit", "done": 1, "total": 1, "fps": 1}'
    done = '{"stage": "done", "result": "r.mp4", "width": 640}'
    said = await saying(step, done).run(report=unreported)
    assert said == {"stage": "done", "result": "r.mp4", "width": 640}


@pytest.mark.parametrize("line", ["", "done", "[1]", '{"stage": "edit"}', "{"])
async def test_a_child_that_says_nothing_of_its_result_returns_nothing(line: str) -> None:
    """Whatever else it says."""
    assert await saying(line).run(report=unreported) == {}


@pytest.mark.parametrize("nice", [0, 10])
async def test_a_child_stands_back_as_far_as_asked(nice: int) -> None:
    """So that a picture that somebody waits for comes before a video's."""
    said = []
    limits = Limits(20, 20, 10**9, nice)
    program = [sys.executable, "-c", "import os; print(os.nice(0))"]
    await run(program, limits, lambda line: bool(said.append(line)))
    assert said == [b"%d" % nice]
