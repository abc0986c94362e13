"""The way to Shotstack, and to addresses that it names: files go there, results come back."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import ClientSession, DummyCookieJar
from yarl import URL

from backends.fetch import FetchLimits, fetch
from backends.guard import guarded_session
from backends.shelf import Shelf
from backends.shotstack.client import Account, Shotstack, opened
from backends.shotstack.intents import Intents
from backends.shotstack.limiter import Seen
from backends.shotstack.pace import Pace
from settings import Rendering


@asynccontextmanager
async def client(
    settings: Rendering, seen: Shelf[Seen], pace: Pace | None = None
) -> AsyncIterator[Shotstack]:
    """Open a client of the account that *settings* name; *seen* is shared by all of them."""
    account = Account(settings.key, settings.stage, settings.address)
    async with (
        outside(settings.address) as files,
        opened(account, files, seen, pace) as shotstack,
    ):
        yield shotstack


async def delete(shotstack: Shotstack, intents: Intents, owners: Iterable[str]) -> None:
    """Have Shotstack keep no longer what was brought there for *owners*.

    Raises:
        ShotstackError: something may still be there; it is known by its owner.
    """
    for owner in owners:
        for source in intents.get(owner).sources:
            await shotstack.delete_source(source)
            intents.deleted(owner, source)


def outside(address: str) -> ClientSession:
    """A session that can reach public addresses only, whatever Shotstack names.

    A stand-in for it on one's own machine, at an *address* without TLS, may name itself.
    """
    return guarded_session() if URL(address).scheme == "https" else open_session()


def open_session() -> ClientSession:
    """A session that goes anywhere."""
    return ClientSession(trust_env=False, cookie_jar=DummyCookieJar(), auto_decompress=False)


async def fetched(link: str, path: Path, limits: FetchLimits, address: str) -> None:
    """Write the result at *link* to *path*; no stranger's word leads into our network.

    Args:
        link: as Shotstack gave it.
        path: appears when it is whole.
        limits: how large it may be, and how slow.
        address: of the API; what lies there too needs no guard, for the settings name it.

    Raises:
        FetchFailed: nothing usable came.
        OutputFailed: it cannot be written.
    """
    if link.startswith(f"{URL(address).origin()}/"):
        async with open_session() as session:
            await fetch(session, link, path, limits, URL)
    else:
        async with guarded_session() as session:
            await fetch(session, link, path, limits)
