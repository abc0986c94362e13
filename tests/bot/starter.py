"""``python -m bot`` with a stand-in for the command line of video_editing, and a way to die.

``starter.py FOLDER``: FOLDER is the stand-in's. Where FOLDER/armed says "before 7" or "after 7",
the process kills itself at the seventh commit of something written since it said so.
"""

import bot  # noqa: F401 - first, so that aiogram's types are light

# isort: split
import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect

FOLDER = Path(sys.argv[1])
PROGRAM = (sys.executable, "-S", "-E", str(Path(__file__).parent / "stand_in_program.py"))
WRITES = ("INSERT", "UPDATE", "DELETE")


def die_as_told() -> None:
    """Kill this process just before or after the commit that FOLDER/armed names."""
    commit = DefaultDialect.do_commit
    order, count = "", 0

    @event.listens_for(Engine, "before_cursor_execute")
    def written(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(WRITES):
            connection.info["written"] = True

    def counted() -> tuple[str, int]:
        """When to die, and in how many commits."""
        nonlocal order, count
        armed = FOLDER / "armed"
        told = armed.read_text() if armed.exists() else ""
        count = count + 1 if told == order else 1
        order = told
        if told:
            with (FOLDER / "commits").open("a") as file:
                file.write(".")
        when, _, number = told.partition(" ")
        return when, int(number or 0) - count

    def do_commit(self: DefaultDialect, connection: Any) -> None:
        when, left = counted() if connection.info.pop("written", False) else ("", 1)
        if (when, left) == ("before", 0):
            os.kill(os.getpid(), signal.SIGKILL)
        commit(self, connection)
        if (when, left) == ("after", 0):
            os.kill(os.getpid(), signal.SIGKILL)

    DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]


die_as_told()
