"""The result's way back: fetched, looked at, fetched again where it is not what was asked for."""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from backends.command import Command
from backends.errors import BackendUnavailable, Why
from backends.fetch import FetchLimits
from backends.link_faults import FetchFailed, LinkFault
from backends.shotstack.outside import fetched
from backends.shotstack.scenery import Measured, measured
from backends.shotstack.timeline import RATES, Json, Output
from video_editing.contract.errors import InputRejected

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
        for fetch in range(FETCHES):
            await asyncio.sleep(self.pause * fetch)
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
