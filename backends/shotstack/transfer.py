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

from backends.errors import BackendUnavailable, FailureKind
from backends.links.download import FetchFailed, FetchLimits, LinkError, fetch
from backends.links.ssrf_guard import create_guarded_session
from backends.local.video_cli import VideoCli
from backends.shotstack.assets import VideoInfo, probe_video
from backends.shotstack.client import ShotstackAccount, ShotstackClient, open_client
from backends.shotstack.rate_limiter import RequestLog, ShotstackTimeouts
from backends.shotstack.render_log import RenderLog
from backends.shotstack.timeline import FRAME_RATES, JsonObject, OutputSpec
from backends.state_file import JsonStateFile
from settings import RenderingSettings
from video_editing.contract.errors import InputRejected


@asynccontextmanager
async def open_shotstack_client(
    settings: RenderingSettings,
    state_file: JsonStateFile[RequestLog],
    timeouts: ShotstackTimeouts | None = None,
) -> AsyncIterator[ShotstackClient]:
    """Open a client of the account that *settings* name; *state_file* is shared by all of them."""
    account = ShotstackAccount(settings.api_key, settings.stage, settings.api_url)
    async with (
        create_file_session(settings.api_url) as files,
        open_client(account, files, state_file, timeouts) as shotstack,
    ):
        yield shotstack


async def delete_sources(
    shotstack: ShotstackClient, render_log: RenderLog, owners: Iterable[str]
) -> None:
    """Have Shotstack keep no longer what was brought there for *owners*.

    Raises:
        ShotstackError: something may still be there; it is known by its owner.
    """
    for owner in owners:
        for source in render_log.get(owner).sources:
            await shotstack.delete_source(source)
            render_log.remove_source(owner, source)


def create_file_session(api_url: str) -> ClientSession:
    """A session that can reach public addresses only, whatever Shotstack names.

    A stand-in for it on one's own machine, at an *api_url* without TLS, may name itself.
    """
    return create_guarded_session() if URL(api_url).scheme == "https" else create_open_session()


def create_open_session() -> ClientSession:
    """A session that goes anywhere."""
    return ClientSession(trust_env=False, cookie_jar=DummyCookieJar(), auto_decompress=False)


async def download_file(link: str, path: Path, limits: FetchLimits, api_url: str) -> None:
    """Write the result at *link* to *path*; no stranger's word leads into our network.

    Args:
        link: as Shotstack gave it.
        path: appears when it is whole.
        limits: how large it may be, and how slow.
        api_url: of the API; what lies there too needs no guard, for the settings name it.

    Raises:
        FetchFailed: nothing usable came.
        OutputFailed: it cannot be written.
    """
    if link.startswith(f"{URL(api_url).origin()}/"):
        async with create_open_session() as session:
            await fetch(session, link, path, limits, URL)
    else:
        async with create_guarded_session() as session:
            await fetch(session, link, path, limits)


log = logging.getLogger(__name__)

MAX_DOWNLOADS = 3
LENGTH_TOLERANCE_FRAMES = 1.5  #: by which a result may be longer or shorter
RATE_TOLERANCE = 0.01  #: of its rate


class ExpectedResult(BaseModel):
    """A render's body, and what is to come of it.

    Attributes:
        edit: the body.
        width, height: pixels.
        seconds: the result's length.
        rate: pictures a second, as the API calls it.
        sound: whether it is to be heard.
    """

    edit: JsonObject
    width: int
    height: int
    seconds: float
    rate: float
    sound: bool

    def is_met_by(self, video: VideoInfo) -> bool:
        """Whether a result is what was asked for."""
        rate = float(FRAME_RATES[self.rate])
        return (
            (video.width, video.height) == (self.width, self.height)
            and abs(video.seconds - self.seconds) <= LENGTH_TOLERANCE_FRAMES / rate
            and abs(video.rate - rate) <= RATE_TOLERANCE * rate
            and (video.sound or not self.sound)
        )


def expect_result(edit: JsonObject, output: OutputSpec, *, sound: bool) -> ExpectedResult:
    """What is to come of *edit*."""
    return ExpectedResult(
        edit=edit,
        width=output.width,
        height=output.height,
        seconds=output.seconds,
        rate=output.rate,
        sound=sound,
    )


@dataclass(frozen=True)
class ResultDownload:
    """How results are taken.

    Attributes:
        video_cli: of children that look at them.
        renderer: named in errors.
        api_url: of the API.
        retry_wait: seconds before a result is fetched again; twice as many the next time.
    """

    video_cli: VideoCli
    renderer: str
    api_url: str
    retry_wait: float

    async def download(
        self,
        link: str,
        path: Path,
        expected: ExpectedResult | None,
        limits: FetchLimits,
        thumbnail: Path | None = None,
    ) -> VideoInfo:
        """Write what lies at *link* to *path*, if it is what was *expected* for, or any video.

        Raises:
            BackendUnavailable: it is not, or is larger than it may be.
            OutputFailed: it cannot be written.
            Cancelled: somebody else ended the work.
        """
        for attempt in range(MAX_DOWNLOADS):
            await asyncio.sleep(self.retry_wait * attempt)
            try:
                await download_file(link, path, limits, self.api_url)
                found = await probe_video(self.video_cli, self.renderer, path, thumbnail)
            except FetchFailed as err:
                why = f"{err.reason}"
                if err.reason is LinkError.TOO_BIG:
                    break
            except InputRejected as err:
                why = f"{err.reason}"
            else:
                if expected is None or expected.is_met_by(found):
                    return found
                why = "not what was asked for"
            log.warning("a result of %s cannot be used: %s", self.renderer, why)
        raise BackendUnavailable(self.renderer, FailureKind.INVALID_RESPONSE, f"its result: {why}")
