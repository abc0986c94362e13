"""Logs one JSON object per line to standard output, and hides secrets in it."""

import json
import logging
import os
import re
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pythonjsonlogger.json import JsonFormatter

HIDDEN = "[hidden]"
MIN_SECRET_LENGTH = 6  #: characters; hiding shorter secrets would hide parts of ordinary words
MAX_LINES_PER_MINUTE = 60  #: of one kind; a stranger could fill the disk with them
MAX_RECENT_LINES, MAX_RECENT_LENGTH = 5000, 2000  #: lines that are remembered, and their characters
MAX_RECENT_ERRORS = 100
#: the message and the logger, with which each line begins
LINE_START = re.compile(
    r'\{"message": ("(?:[^"\\]|\\.)*"), "level": "\w+", "logger": ("(?:[^"\\]|\\.)*")'
)
#: what looks like a bot's token, alone or in an address of the Bot API
TOKEN_PATTERN = re.compile(r"\d{5,}(?::|%3A)[\w-]{30,}|(?<=/bot)\d+(?::|%3A)[\w%-]+", re.IGNORECASE)
#: libraries whose INFO messages are of no use here
QUIETED_LOGGERS = ("aiogram.event", "aiosqlite", "asyncio", "dbos", "stamina")
#: libraries that add a handler of their own unless their logger has one
SELF_CONFIGURED_LOGGERS = ("dbos",)
FIELDS = ("message", "levelname", "name")  #: of a record that each line shows
FIELD_NAMES = {"levelname": "level", "name": "logger", "exc_info": "exception"}  #: in a line

_job: ContextVar[str | None] = ContextVar("job", default=None)


@contextmanager
def log_job(job_id: str) -> Iterator[None]:
    """Show the job in each line that is logged inside, in the field ``job``."""
    token = _job.set(job_id)
    try:
        yield
    finally:
        _job.reset(token)


@dataclass(frozen=True, slots=True)
class LoggedError:
    """A line of the log of level ERROR or above.

    Attributes:
        at: seconds since 1970.
        logger: which part of the program wrote it.
        message: what it says, without a traceback.
    """

    at: float
    logger: str
    message: str


class RecentLines:
    """The latest lines of the log, as they were written: secrets are hidden."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=MAX_RECENT_LINES)
        self._errors: deque[LoggedError] = deque(maxlen=MAX_RECENT_ERRORS)

    def append(self, line: str, *, error_at: float | None = None) -> None:
        """Remember a line, or its beginning, and when an error was logged in it."""
        self._lines.append(line[:MAX_RECENT_LENGTH])
        if error_at is not None and (found := LINE_START.match(line)):
            message, logger = map(json.loads, found.groups())
            self._errors.append(LoggedError(error_at, logger, message))

    def list_errors(self, count: int) -> list[LoggedError]:
        """Return the latest errors, the newest first."""
        return list(self._errors)[: -count - 1 : -1]

    def find(self, text: str) -> list[str]:
        """Return the lines that contain *text*, the oldest first."""
        return [line for line in self._lines if text in line]


def set_up_logging(level: str, secrets: Iterable[str], descriptor: int = 1) -> RecentLines:
    """Log all messages of *level* and above, those of libraries too.

    Args:
        level: a name of a level, as in logging.
        secrets: texts that are hidden in each line.
        descriptor: the file descriptor that lines are written to.

    Returns:
        what remembers the latest lines.
    """
    recent_lines = RecentLines()
    handler = _UnbufferedHandler(descriptor, recent_lines)
    handler.addFilter(RateFilter())
    handler.setFormatter(_RedactingFormatter(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIETED_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in SELF_CONFIGURED_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = [handler], False
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    return recent_lines


class RateFilter(logging.Filter):
    """Drops records of a kind after the first :data:`MAX_LINES_PER_MINUTE` of each minute.

    Records are of one kind if they come from the same line of code. The next record of the kind
    that passes has the number of those before it in the field ``dropped``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._minute = 0
        self._counts: Counter[tuple[str, int]] = Counter()  # by kind, in this minute
        self._dropped: Counter[tuple[str, int]] = Counter()  # by kind, since one passed

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether *record* is logged."""
        kind, minute = (record.pathname, record.lineno), int(record.created // 60)
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        self._counts[kind] += 1
        if self._counts[kind] > MAX_LINES_PER_MINUTE:
            self._dropped[kind] += 1
            return False
        if dropped := self._dropped.pop(kind, 0):
            record.dropped = dropped
        return True


class _UnbufferedHandler(logging.Handler):
    """Writes without a buffer, and ignores a full disk or a closed pipe."""

    def __init__(self, descriptor: int, recent_lines: RecentLines) -> None:
        super().__init__()
        self._descriptor, self._recent_lines = descriptor, recent_lines

    def emit(self, record: logging.LogRecord) -> None:
        line = self._format_line(record)
        is_error = record.levelno >= logging.ERROR
        self._recent_lines.append(line, error_at=record.created if is_error else None)
        data = memoryview(f"{line}\n".encode(errors="backslashreplace"))
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            pass

    def _format_line(self, record: logging.LogRecord) -> str:
        try:
            return self.format(record)
        except Exception as err:  # noqa: BLE001 - an error of logging must not reach the caller
            where = {"logger": record.name, "line": record.lineno, "error": type(err).__name__}
            return json.dumps(
                {"message": "a record cannot be formatted", "level": "error", **where}
            )


class _RedactingFormatter(JsonFormatter):
    """Formats a record and hides secrets in the complete line, traceback included."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__(FIELDS, rename_fields=FIELD_NAMES, timestamp=True, json_ensure_ascii=False)
        spellings = {
            spelling
            for secret in secrets
            if len(secret) >= MIN_SECRET_LENGTH
            for spelling in (secret, repr(secret)[1:-1], quote(secret, ""))
        }
        spellings |= {json.dumps(spelling)[1:-1] for spelling in spellings}  # as in the JSON line
        self._secrets = sorted(spellings, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        if job := _job.get():
            record.job = job
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        return TOKEN_PATTERN.sub(HIDDEN, line)

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {**log_data, "level": log_data["level"].lower()}


def _log_uncaught(*error: Any) -> None:
    logging.getLogger("bot").critical("the process ends with an error", exc_info=error)
