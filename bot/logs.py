"""What is logged: one JSON object a line on standard output, in which no secret shows."""

import json
import logging
import re
import sys
from collections.abc import Iterable
from typing import Any

from bot.plain_structlog import Processor, structlog

HIDDEN = "[hidden]"
SHORTEST = 6  #: characters of a secret; what is shorter would hide half of all words
#: a bot's token wherever it comes from, as in the Bot API's addresses
TOKEN = re.compile(r"\d{5,}(?::|%3A)[\w-]{30,}", re.IGNORECASE)
#: libraries that tell at INFO what only they want to know
CHATTY = ("aiogram.event", "aiosqlite", "asyncio", "dbos", "stamina")


def set_up(level: str, secrets: Iterable[str]) -> None:
    """Log all that is *level* or worse, ours and that of libraries.

    Args:
        level: as logging calls it.
        secrets: what is hidden wherever it would show.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Redacting(secrets, shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.raiseExceptions = False  # a full disk or a closed pipe costs lines, not the bot
    logging.captureWarnings(True)
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


def adopt(name: str) -> None:
    """Have a library's logger write through ours, though it has set up handlers of its own."""
    logger = logging.getLogger(name)
    logger.handlers[:] = []
    logger.propagate = True


class _Redacting(structlog.stdlib.ProcessorFormatter):
    """Makes the line, and looks at all of it: message, arguments and traceback."""

    def __init__(self, secrets: Iterable[str], shared: list[Processor]) -> None:
        super().__init__(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("message"),
                structlog.processors.JSONRenderer(serializer=_json),
            ],
        )
        longest_first = sorted({s for s in secrets if len(s) >= SHORTEST}, key=len, reverse=True)
        spelt = {way for secret in longest_first for way in (secret, json.dumps(secret)[1:-1])}
        self._secrets = sorted(spelt, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        return TOKEN.sub(HIDDEN, line)


def _json(event: Any, **more: Any) -> str:
    return json.dumps(event, ensure_ascii=False, **more)
