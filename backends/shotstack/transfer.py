"""The way to Shotstack, and to addresses that it names: files go there, results come back."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, DummyCookieJar
from pydantic import BaseModel
from yarl import URL

from backends.errors import BackendUnavailable, Why
from backends.links.download import FetchFailed, FetchLimits, LinkFault, fetch
from backends.links.ssrf_guard import guarded_session
from backends.local.video_cli import Command
from backends.shotstack.assets import Measured, measured
from backends.shotstack.client import Account, Shotstack, opened
from backends.shotstack.rate_limiter import Pace, Seen
from backends.shotstack.render_log import Intents
from backends.shotstack.timeline import RATES, Json, Output
from backends.state_file import Shelf
from settings import Rendering
from video_editing.contract.errors import InputRejected


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


log = logging.getLogger(__name__)

FETCHES = 3
FRAMES = 1.5  #: by which a result may be longer or shorter
STRAY = 0.01  #: of its rate


class AskedFor(BaseModel):
    """A render's body, and what is to come of it.

    Attributes:
        edit: the body.
        width, height: pixels.
        seconds: the result's length.
        rate: pictures a second, as the API calls it.
        sound: whether it is to be heard.
    """

    edit: Json
    width: int
    height: int
    seconds: float
    rate: float
    sound: bool

    def is_met_by(self, found: Measured) -> bool:
        """Whether a result is what was asked for."""
        rate = float(RATES[self.rate])
        return (
            (found.width, found.height) == (self.width, self.height)
            and abs(found.seconds - self.seconds) <= FRAMES / rate
            and abs(found.rate - rate) <= STRAY * rate
            and (found.sound or not self.sound)
        )


def asked_for(edit: Json, output: Output, *, sound: bool) -> AskedFor:
    """What is to come of *edit*."""
    return AskedFor(
        edit=edit,
        width=output.width,
        height=output.height,
        seconds=output.seconds,
        rate=output.rate,
        sound=sound,
    )


@dataclass(frozen=True)
class Taking:
    """How results are taken.

    Attributes:
        command: of children that look at them.
        place: named in errors.
        address: of the API.
        pause: seconds before a result is fetched again; twice as many the next time.
    """

    command: Command
    place: str
    address: str
    pause: float

    async def take(
        self,
        link: str,
        path: Path,
        asked: AskedFor | None,
        limits: FetchLimits,
        thumbnail: Path | None = None,
    ) -> Measured:
        """Write what lies at *link* to *path*, if it is what was *asked* for, or any video.

        Raises:
            BackendUnavailable: it is not, or is larger than it may be.
            OutputFailed: it cannot be written.
            Cancelled: somebody else ended the work.
        """
        for attempt in range(FETCHES):
            await asyncio.sleep(self.pause * attempt)
            try:
                await fetched(link, path, limits, self.address)
                found = await measured(self.command, self.place, path, thumbnail)
            except FetchFailed as err:
                why = f"{err.fault}"
                if err.fault is LinkFault.TOO_BIG:
                    break
            except InputRejected as err:
                why = f"{err.reason}"
            else:
                if asked is None or asked.is_met_by(found):
                    return found
                why = "not what was asked for"
            log.warning("a result of %s cannot be used: %s", self.place, why)
        raise BackendUnavailable(self.place, Why.GARBAGE, f"its result: {why}")
