"""Files to and from Shotstack: clients with sessions, downloads of results, hosting of files."""

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
from backends.rendering.video_info import Reference, VideoInfo, probe_video
from backends.shotstack.client import ShotstackAccount, ShotstackClient, open_client
from backends.shotstack.errors import ShotstackError
from backends.shotstack.rate_limiter import RequestLog, ShotstackTimeouts, get_steady_time
from backends.shotstack.render_log import RenderLog
from backends.shotstack.timeline import FRAME_RATES, JsonObject, OutputSpec
from backends.state_file import JsonStateFile
from settings import RenderingSettings
from video_editing.contract.errors import InputRejected

log = logging.getLogger(__name__)

MAX_DOWNLOADS = 3  #: of a result
LENGTH_TOLERANCE_FRAMES = 1.5  #: by which a result may be longer or shorter than expected
#: mean difference of a frame from its reference, 0 … 1; that of two codecs and of a watermark is
#: less, that of an overlay that is missing or inverted more
MAX_DIFFERENCE = 0.08
RATE_TOLERANCE = 0.01  #: of a result's frame rate, relative


@asynccontextmanager
async def open_shotstack_client(
    settings: RenderingSettings,
    state_file: JsonStateFile[RequestLog],
    timeouts: ShotstackTimeouts | None = None,
) -> AsyncIterator[ShotstackClient]:
    """Open a client of the account in *settings*; all clients share the rate limits' state file."""
    account = ShotstackAccount(settings.api_key, settings.stage, settings.api_url)
    async with (
        create_file_session(settings.api_url) as file_session,
        open_client(account, file_session, state_file, timeouts) as client,
    ):
        yield client


async def delete_sources(
    client: ShotstackClient, render_log: RenderLog, intents: Iterable[str]
) -> None:
    """Delete the files that were uploaded for *intents*, and remove them from the log.

    Raises:
        ShotstackError: some may still exist; those stay in the log.
    """
    for intent in intents:
        for source in render_log.get(intent).sources:
            await client.delete_source(source)
            render_log.remove_source(intent, source)


def create_file_session(api_url: str) -> ClientSession:
    """Return a session that connects to public addresses only.

    At an *api_url* without TLS runs a test server on this machine, whose files are on this machine
    too, so that session is not restricted.
    """
    return create_guarded_session() if URL(api_url).scheme == "https" else create_open_session()


def create_open_session() -> ClientSession:
    """Return a session that connects to any address."""
    return ClientSession(trust_env=False, cookie_jar=DummyCookieJar(), auto_decompress=False)


async def download_file(link: str, path: Path, limits: FetchLimits, api_url: str) -> None:
    """Write the result at *link* to *path*, without access to private addresses.

    Args:
        link: as received from Shotstack.
        path: appears when it is complete.
        limits: of the download.
        api_url: of the API; a link to the same origin is not restricted, since the settings name
            that origin.

    Raises:
        FetchFailed: the download failed.
        OutputFailed: *path* cannot be written.
    """
    if link.startswith(f"{URL(api_url).origin()}/"):
        async with create_open_session() as session:
            await fetch(session, link, path, limits, URL)
    else:
        async with create_guarded_session() as session:
            await fetch(session, link, path, limits)


class ExpectedResult(BaseModel):
    """An edit, and the properties that its result must have.

    Attributes:
        edit: the body of the render request.
        width, height: in pixels.
        seconds: length.
        rate: frames a second, under the API's name for the rate.
        sound: whether it must have an audio stream.
        reference: how one moment of it must look; None in state of earlier versions.
    """

    edit: JsonObject
    width: int
    height: int
    seconds: float
    rate: float
    sound: bool
    reference: Reference | None = None

    def is_met_by(self, video: VideoInfo) -> bool:
        """Return whether *video* has the expected properties."""
        rate = float(FRAME_RATES[self.rate])
        return (
            (video.width, video.height) == (self.width, self.height)
            and abs(video.seconds - self.seconds) <= LENGTH_TOLERANCE_FRAMES / rate
            and abs(video.rate - rate) <= RATE_TOLERANCE * rate
            and (video.sound or not self.sound)
        )


def expect_result(
    edit: JsonObject, output: OutputSpec, reference: Reference | None, *, sound: bool
) -> ExpectedResult:
    """Return the properties of the result that *edit* describes."""
    return ExpectedResult(
        edit=edit,
        width=output.width,
        height=output.height,
        seconds=output.seconds,
        rate=output.rate,
        sound=sound,
        reference=reference,
    )


@dataclass(frozen=True)
class ResultDownload:
    """Downloads and checks results.

    Attributes:
        video_cli: probes them in a child process.
        renderer: name in errors.
        api_url: of the API.
        retry_wait: seconds before the second attempt; twice as many before the third.
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
        """Write the video at *link* to *path*, and its *thumbnail* if a path is given.

        Args:
            link: as received from Shotstack.
            path: of the video.
            expected: its properties; None accepts any video.
            limits: of the download.
            thumbnail: path of a JPEG.

        Raises:
            BackendUnavailable: it is not the expected video, or larger than *limits* allow;
                WRONG_PICTURE, it does not look as expected.
            OutputFailed: a file cannot be written.
            Cancelled: another process stopped the work.
        """
        reference = expected.reference if expected else None
        for attempt in range(MAX_DOWNLOADS):
            await asyncio.sleep(self.retry_wait * attempt)
            try:
                await download_file(link, path, limits, self.api_url)
                video = await probe_video(self.video_cli, self.renderer, path, thumbnail, reference)
            except FetchFailed as err:
                why = f"{err.reason}"
                if err.reason is LinkError.TOO_BIG:
                    break
            except InputRejected as err:
                why = f"{err.reason}"
            else:
                if expected is None or expected.is_met_by(video):
                    return self._require_picture(video)
                why = "not what was requested"
            log.warning("a result of %s is unusable: %s", self.renderer, why)
        raise BackendUnavailable(self.renderer, FailureKind.INVALID_RESPONSE, f"its result: {why}")

    def _require_picture(self, video: VideoInfo) -> VideoInfo:
        if max(video.inside, video.outside) > MAX_DIFFERENCE:
            detail = f"a frame differs by {video.inside:.2f} inside, {video.outside:.2f} outside"
            raise BackendUnavailable(self.renderer, FailureKind.WRONG_PICTURE, detail)
        return video


class ShotstackHosting:
    """Public addresses at Shotstack for files of ours, until they are removed."""

    def __init__(
        self, settings: RenderingSettings, folder: Path, timeouts: ShotstackTimeouts | None = None
    ) -> None:
        """Host files in the account of *settings*; state files are in *folder*."""
        self._settings, self._timeouts = settings, timeouts
        self._request_log = JsonStateFile(folder / "requests.json", RequestLog)
        self._upload_log = RenderLog(folder / "hosted.json")

    async def upload(self, name: str, path: Path) -> str | None:
        """Upload the file at *path*, and return its address, or None if the upload failed."""
        try:
            async with open_shotstack_client(
                self._settings, self._request_log, self._timeouts
            ) as client:
                file = await client.upload(
                    path, lambda source: self._upload_log.add_source(name, source)
                )
        except ShotstackError as err:
            log.warning("a file was not uploaded to Shotstack: %s", err)
            return None
        return file.url

    async def remove_older_than(self, seconds: float) -> None:
        """Delete the files that were uploaded more than *seconds* ago; failures are logged."""
        names = self._upload_log.find_leftover_sources(get_steady_time() - seconds)
        if not names:
            return
        try:
            async with open_shotstack_client(
                self._settings, self._request_log, self._timeouts
            ) as client:
                await delete_sources(client, self._upload_log, names)
        except ShotstackError as err:
            log.warning("files at Shotstack are not deleted yet: %s", err)
