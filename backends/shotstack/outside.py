"""The way to addresses that Shotstack names: files go there, and results come from there."""

from pathlib import Path

from aiohttp import ClientSession, DummyCookieJar
from yarl import URL

from backends.fetch import FetchLimits, fetch
from backends.guard import guarded_session


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
