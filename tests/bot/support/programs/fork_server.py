"""Bots by fork: what they import is imported once, so that a test may start one in no time.

Each line of standard input orders one, as JSON: ``environment``, ``output`` (a file), ``tools``
(the stand-in's folder). The answer is its process id; when it ends, its status is written to the
file of that name in the folder that is our only argument.

Each runs as ``python -m bot`` does, with a stand-in for the command line of video_editing, and a
way to die: where TOOLS/armed says "before 7" or "after 7", it kills itself at the seventh commit
of something written since it said so; with the beginning of a statement instead of the number, at
its commit. It leaves in TOOLS/died when that was and what it wrote.
"""

# isort: split
import bot  # noqa: F401 - first, for a modern SQLite

# isort: split
import gc
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect

from backends.renderer_factory import create_renderer
from backends.shotstack.rate_limiter import ShotstackTimeouts
from bot import __main__ as entry
from bot import wiring
from bot.app import serve
from bot.ui.texts import Texts

STAND_IN = Path(__file__).parent / "fake_video_cli.py"
WRITES = ("INSERT", "UPDATE", "DELETE")


def main() -> None:
    """Start whoever is ordered."""
    signal.signal(signal.SIGCHLD, lambda *_: reap(Path(sys.argv[1])))
    Texts()
    gc.freeze()  # a collection in a child would copy all memory
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            become_bot(order)
        print(pid, flush=True)  # noqa: T201 - the answer


def reap(folder: Path) -> None:
    """Write down how those ended that did."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        part = folder / f"{pid}.part"
        part.write_text(str(os.waitstatus_to_exitcode(status)))
        part.rename(folder / str(pid))


def become_bot(order: dict[str, Any]) -> NoReturn:
    """Be one, to the end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    output = os.open(order["output"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(order["environment"])
    random.seed()
    die_as_told(Path(order["tools"]))
    hurry_as_told(Path(order["tools"]))
    code: object = 1
    try:
        run((sys.executable, "-S", "-E", str(STAND_IN), order["tools"]))
        code = 0
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            os.write(2, code.encode() + b"\n")
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
    os._exit(code if isinstance(code, int) else int(code is not None))


def run(program: tuple[str, ...]) -> NoReturn:
    """As `bot.__main__` does, with another program."""
    entry.serve = partial(serve, program=program)
    sys.exit(entry.main())


def hurry_as_told(tools: Path) -> None:
    """Wait for Shotstack as long as TOOLS/pace.json says, where there is one."""
    path = tools / "pace.json"
    if path.exists():
        pace = ShotstackTimeouts(**json.loads(path.read_text()))
        wiring.create_renderer = partial(create_renderer, timeouts=pace)  # type: ignore[attr-defined]


def die_as_told(tools: Path) -> None:
    """Kill this process just before or after the commit that TOOLS/armed names."""
    commit = DefaultDialect.do_commit
    order, count = "", 0

    @event.listens_for(Engine, "before_cursor_execute")
    def written(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(WRITES):
            connection.info.setdefault("written", []).append(statement)

    def find_order(statements: list[str]) -> str:
        """Return when to die at the commit of *statements*: before or after; "" for not now."""
        nonlocal order, count
        armed = tools / "armed"
        told = armed.read_text() if armed.exists() else ""
        count = count + 1 if told == order else 1
        order = told
        if told:
            with (tools / "commits").open("a") as file:
                file.write(".")
        when, _, border = told.partition(" ")
        is_named = bool(border) and any(text.startswith(border) for text in statements)
        return when if is_named or border == str(count) else ""

    def die(statements: list[str]) -> None:
        part = tools / f"died.{threading.get_ident()}"  # another thread may die at the same commit
        part.write_text(json.dumps({"at": time.monotonic(), "writing": statements}))
        part.rename(tools / "died")
        os.kill(os.getpid(), signal.SIGKILL)

    def do_commit(self: DefaultDialect, connection: Any) -> None:
        statements = connection.info.pop("written", [])
        when = find_order(statements) if statements else ""
        if when == "before":
            die(statements)
        commit(self, connection)
        if when == "after":
            die(statements)

    DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
