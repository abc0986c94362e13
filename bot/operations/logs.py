"""What is logged: one JSON object a line on standard output, in which no secret shows."""

import json
import logging
import os
import re
import sys
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import structlog
from structlog.typing import Processor

HIDDEN = "[hidden]"
MIN_SECRET_LENGTH = 6  #: characters of a secret; what is shorter would hide half of all words
#: what looks like a bot's token, and what stands for one in the Bot API's addresses
TOKEN_PATTERN = re.compile(r"\d{5,}(?::|%3A)[\w-]{30,}|(?<=/bot)\d+(?::|%3A)[\w%-]+", re.IGNORECASE)
#: libraries that tell at INFO what only they want to know
QUIETED_LOGGERS = ("aiogram.event", "aiosqlite", "asyncio", "dbos", "stamina")
#: those that write by themselves unless their logger has a handler
SELF_CONFIGURED_LOGGERS = ("dbos",)


def set_up_logging(level: str, secrets: Iterable[str], descriptor: int = 1) -> None:
    """Log all that is *level* or worse, ours and that of libraries.

    Args:
        level: as logging calls it.
        secrets: what is hidden wherever it would show.
        descriptor: descriptor of what is written to.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler = _UnbufferedHandler(descriptor)
    handler.setFormatter(_RedactingFormatter(secrets, shared))
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
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class _UnbufferedHandler(logging.Handler):
    """Writes without a buffer; a full disk or a closed pipe costs lines, not the bot."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        rest = memoryview(f"{self._format_line(record)}\n".encode(errors="backslashreplace"))
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            pass

    def _format_line(self, record: logging.LogRecord) -> str:
        try:
            return self.format(record)
        except Exception as err:  # noqa: BLE001 - whoever logs must not fail of it
            where = {"logger": record.name, "line": record.lineno, "error": type(err).__name__}
            return json.dumps({"message": "a line cannot be written", "level": "error", **where})


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Makes the line, and looks at all of it: message, arguments and traceback."""

    def __init__(self, secrets: Iterable[str], shared: list[Processor]) -> None:
        super().__init__(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("message"),
                structlog.processors.JSONRenderer(serializer=_dump_json),
            ],
        )
        spelt = {
            way
            for secret in secrets
            if len(secret) >= MIN_SECRET_LENGTH
            for way in (secret, repr(secret)[1:-1], quote(secret, ""))
        }
        spelt |= {json.dumps(way)[1:-1] for way in spelt}  # as it is written in the end
        self._secrets = sorted(spelt, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        return TOKEN_PATTERN.sub(HIDDEN, line)


def _dump_json(event: Any, **more: Any) -> str:
    return json.dumps(event, ensure_ascii=False, **more)


def _log_uncaught(*error: Any) -> None:
    logging.getLogger("bot").critical("ended by an error", exc_info=error)
