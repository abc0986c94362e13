"""``python -m bot``."""

import asyncio
import logging
import sys

from pydantic import ValidationError

from backends.choice import NobodyThere
from bot.database.schema import DatabaseBroken
from bot.running import TokenRefused, serve
from settings import Settings

WRONG = 2  #: the exit status when something must be set otherwise


def main() -> int:
    """Run; a setting that is wrong is told in one line, without its value."""
    try:
        settings = Settings()
    except ValidationError as err:
        return _complain(_first(err))
    if not settings.bot.token.get_secret_value():
        return _complain("BOT_TOKEN is not set")
    try:
        asyncio.run(serve(settings))
    except (DatabaseBroken, NobodyThere, TokenRefused) as err:
        return _complain(str(err))
    except OSError as err:
        return _complain(f"PORT or DATA_DIR cannot be used: {err.strerror}")
    logging.getLogger(__name__).error("the work ended by itself")
    return 1


def _first(err: ValidationError) -> str:
    """What is wrong with the first of the variables that are."""
    first = err.errors(include_url=False, include_input=False, include_context=False)[0]
    name = ".".join(map(str, first["loc"]))
    return f"{name}: {first['msg']}" if name else first["msg"].removeprefix("Value error, ")


def _complain(line: str) -> int:
    print(f"overlaybot: {line}", file=sys.stderr)  # noqa: T201 - there are no logs yet
    return WRONG


if __name__ == "__main__":
    sys.exit(main())
