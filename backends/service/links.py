"""How the service fetches what callers link to."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from backends.fetch import FetchLimits, fetch
from backends.guard import guarded_session

Fetch = Callable[[str, Path], Awaitable[int]]

AT_ONCE = 4


def guarded(limits: FetchLimits) -> Fetch:
    """Fetch a link to a public place into a file, a few at a time; tells its bytes."""
    free = asyncio.Semaphore(AT_ONCE)

    async def fetched(link: str, path: Path) -> int:
        async with free, guarded_session() as session:
            return await fetch(session, link, path, limits)

    return fetched
