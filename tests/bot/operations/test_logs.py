"""What is logged is JSON, shows no secret, and never stops the bot."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.operations.logs import MAX_LINES_PER_MINUTE
from tests.support.paths import ROOT

TOKEN = "123456789:AAHcanary-of-a-token_that-nobody-may-see"  # noqa: S105 - of no bot
KEY = 'canary-key "quoted" with/slash'
BEGIN = f"""
import asyncio, logging, sys, warnings
import bot
from bot.operations import logs
logs.set_up_logging(LEVEL, [{TOKEN!r}, {KEY!r}, "canary-password"])
TOKEN, KEY = {TOKEN!r}, {KEY!r}
"""


def logged(code: str, level: str = "DEBUG", output: Any = subprocess.PIPE) -> list[dict[str, Any]]:
    """The lines that a process writes which does *code*; it must end well."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN.replace("LEVEL", repr(level)) + code],
        cwd=ROOT,
        check=True,
        stdout=output,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    assert done.stderr == b""
    return [json.loads(line) for line in (done.stdout or b"").splitlines()]


def test_a_line_tells_what_where_and_when() -> None:
    """As an object of JSON, in UTC."""
    (line,) = logged("logging.getLogger('bot.jobs.supervisor').warning('job %s: %s', 7, 'ü')")
    assert (line["message"], line["level"]) == ("job 7: ü", "warning")
    assert line["logger"] == "bot.jobs.supervisor"
    timestamp = datetime.fromisoformat(line["timestamp"])
    assert timestamp.utcoffset() == timedelta(0)


def test_lines_of_a_job_name_it() -> None:
    """Those of libraries too, and none after it."""
    code = """
log = logging.getLogger("ours")
with logs.log_job("7f3a"):
    log.info("inside", extra={"chat": 7})
log.info("outside")
"""
    inside, outside = logged(code)
    assert (inside["job"], inside["chat"], inside["message"]) == ("7f3a", 7, "inside")
    assert "job" not in outside


LOGGERS = ["bot", "aiogram.dispatcher", "aiohttp.server", "dbos", "asyncio", "sqlalchemy.engine"]


@pytest.mark.parametrize("logger", LOGGERS)
@pytest.mark.parametrize(
    "call",
    [
        "log.error('with ' + TOKEN)",
        "log.error('with %s', TOKEN)",
        "log.error('with %(key)r', {'key': KEY})",
        "log.error('https://api.telegram.org/bot%s/getMe', '42:short')",
        "log.error('postgresql://bot:canary-password@host/db')",
        "from urllib.parse import quote; log.error(quote(KEY, safe=''))",
    ],
)
def test_no_logger_tells_a_secret(logger: str, call: str) -> None:
    """In its text, its arguments, an address, or spelt otherwise."""
    (line,) = logged(f"log = logging.getLogger({logger!r})\n{call}")
    assert "canary" not in str(line)
    assert "short" not in str(line)
    assert "[hidden]" in line["message"]


TRACEBACK = """
import dbos
def work(secret):
    raise ValueError(f"cannot open https://host/{secret}")
log = logging.getLogger(NAME)
try:
    try:
        work(TOKEN)
    except ValueError as err:
        raise RuntimeError(KEY) from err
except RuntimeError:
    log.exception("broken")
"""


@pytest.mark.parametrize("logger", ["bot", "dbos"])
def test_tracebacks_tell_no_secret(logger: str) -> None:
    """Neither those of what led to it."""
    (line,) = logged(TRACEBACK.replace("NAME", repr(logger)))
    assert "ValueError" in line["exception"]
    assert "canary" not in str(line)


def test_what_is_raised_unseen_tells_no_secret() -> None:
    """By a task that is not awaited, and by a warning."""
    code = """
async def main():
    async def broken():
        raise ValueError(TOKEN)
    task = asyncio.create_task(broken())
    await asyncio.sleep(0.01)
    del task
    warnings.warn(KEY)
asyncio.run(main())
"""
    lines = logged(code)
    assert {line["logger"] for line in lines} >= {"asyncio", "py.warnings"}
    assert "canary" not in str(lines)


def test_an_error_that_ends_the_process_is_a_line_too() -> None:
    """And reveals no secret."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN.replace("LEVEL", "'INFO'") + "raise ValueError(TOKEN)"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (1, b"")
    line = json.loads(done.stdout)
    assert "ValueError" in line["exception"]
    assert "canary" not in str(line)


def test_a_library_that_writes_by_itself_is_kept_from_it() -> None:
    """DBOS has a handler of its own, unless there is one."""
    code = """
from dbos._logger import init_logger
init_logger()
logging.getLogger("dbos").error(TOKEN)
"""
    (line,) = logged(code)
    assert (line["logger"], line["message"]) == ("dbos", "[hidden]")


def test_any_token_is_hidden() -> None:
    """Also one that is in no setting."""
    (line,) = logged("logging.getLogger('x').info('987654321:' + 'A' * 35)")
    assert line["message"] == "[hidden]"


def test_a_line_that_cannot_be_written_costs_itself() -> None:
    """The caller continues, and the log shows that a record failed."""
    broken, line = logged("log = logging.getLogger('x')\nlog.info('%d', 'x')\nlog.info('on')")
    assert (broken["message"], line["message"]) == ("a record cannot be formatted", "on")


def test_anything_may_be_beside_the_text() -> None:
    """A value without a JSON form is logged as its repr."""
    (line,) = logged("logging.getLogger('x').info('said', extra={'what': logs})")
    assert "module" in line["what"]


def test_only_what_is_bad_enough_is_logged() -> None:
    """Of libraries that chat it takes more."""
    code = "[logging.getLogger(n).info('x') for n in ('bot', 'dbos', 'stamina')]"
    assert [line["logger"] for line in logged(code, "INFO")] == ["bot"]
    assert logged(code, "WARNING") == []


def test_a_full_disk_does_not_stop_it() -> None:
    """Its lines are lost, and that is all."""
    with Path("/dev/full").open("wb") as full:
        logged("[logging.getLogger('x').error('x' * 9000) for _ in range(99)]", output=full)


def test_a_closed_output_does_not_stop_it() -> None:
    """As when the platform's collector is gone."""
    code = "import os; os.close(1); logging.getLogger('x').error('x')"
    assert logged(code) == []


def test_lines_of_one_kind_are_limited() -> None:
    """Whatever a stranger makes the bot log: others are logged as before."""
    code = """
kind = logging.getLogger("kind")
for number in range(1000):
    kind.error("line %s", number)
kind.error("another")
"""
    lines = logged(code)
    assert MAX_LINES_PER_MINUTE <= len(lines) - 1 <= 2 * MAX_LINES_PER_MINUTE  # a minute may end
    assert lines[-1]["message"] == "another"


def test_a_line_tells_how_many_were_dropped_before_it() -> None:
    """In the next minute, when its kind is logged again."""
    code = """
limit = logging.getLogger().handlers[0].filters[0]
record = logging.LogRecord("kind", 40, "file.py", 7, "line", (), None)
for number in range(100):
    record.created = 0.5 * (number < 99) or 60.0
    if limit.filter(record):
        last = record
logging.getLogger().handlers[0].emit(last)
"""
    (line,) = logged(code)
    assert line["dropped"] == 99 - MAX_LINES_PER_MINUTE


def test_the_latest_errors_are_remembered_without_their_tracebacks() -> None:
    """However long those are; secrets are hidden, other levels are left out."""
    code = """
import json
lines = logs.set_up_logging("INFO", ["canary-password"])
logger = logging.getLogger("bot.here")
try:
    raise ValueError("x" * 9000)
except ValueError:
    logger.exception('with "quotes" and %s', "canary-password")
logger.warning("only a warning")
logger.critical("the end")
errors = [lines.list_errors(9), lines.list_errors(1)]
print(json.dumps({"found": [[(one.logger, one.message) for one in some] for some in errors]}))
"""
    end = ["bot.here", "the end"]
    first = ["bot.here", 'with "quotes" and [hidden]']
    assert logged(code)[-1]["found"] == [[end, first], [end]]
