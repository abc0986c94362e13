"""``python -m bot``."""

import asyncio
import logging
import sys
from typing import NoReturn

from pydantic import ValidationError

from backends.factory import NoBackendAvailable
from bot.app import TokenRejected, UnusableSetting, exit_now, serve
from bot.database.schema import DatabaseUnusable
from settings import Settings

log = logging.getLogger(__name__)

EXIT_WRONG_SETTINGS = 2  #: the exit status when a setting must be changed


def main() -> int:
    """Run the bot; print a wrong setting in one line, without its value."""
    try:
        settings = Settings()
    except ValidationError as err:
        return _print_error(_describe_first_error(err))
    if not settings.bot.token.get_secret_value():
        return _print_error("BOT_TOKEN is not set")
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> NoReturn:
    """Serve until the process ends; unfinished work is not waited for."""
    try:
        await serve(settings)
    except (DatabaseUnusable, NoBackendAvailable, TokenRejected, UnusableSetting) as err:
        exit_now(_print_error(str(err)))
    except BaseException:
        log.exception("the bot could not start")
    exit_now(1)


def _describe_first_error(err: ValidationError) -> str:
    """Return the name of the first wrong variable, and what is wrong with it."""
    first = err.errors(include_url=False, include_input=False, include_context=False)[0]
    why = first["msg"].removeprefix("Value error, ")
    return f"{first['loc'][0]}: {why}" if first["loc"] else why


def _print_error(line: str) -> int:
    print(f"overlaybot: {line}", file=sys.stderr, flush=True)  # noqa: T201 - logging is not set up yet
    return EXIT_WRONG_SETTINGS


if __name__ == "__main__":
    sys.exit(main())
