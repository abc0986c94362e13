"""The renderer behind HTTP: the finished video is made where the clip is already."""

import asyncio
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from backends.base import Report
from backends.errors import BackendUnavailable, FailureKind
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM, VideoCli
from backends.remote.connection import ServiceConnection
from backends.remote.http_client import Timeouts
from backends.remote.render_files import collect_files
from backends.remote.render_job import RenderJob, derive_render_id
from backends.remote.render_schemas import RenderedFile
from backends.rendering.base import Renderer, RenderRequest, RenderResult
from backends.rendering.video_info import probe_video
from settings import RemoteSettings
from video_editing.contract.atomic_file import translate_output_errors
from video_editing.contract.errors import InputRejected, OutputFailed

CHECK_LIMITS = ProcessLimits(max_seconds=120, stall_seconds=120, max_memory=2 << 30)
SECONDS_TOLERANCE = 0.1  #: by which a result may differ from the length that the service names
#: failures after which the service is not asked for a while
COOLING_FAILURES = (FailureKind.UNREACHABLE, FailureKind.TOO_SLOW)


class ServiceRenderer(Renderer):
    """Renders at a service: what is not there yet is uploaded, and only the result comes back."""

    def __init__(
        self,
        name: str,
        settings: RemoteSettings,
        *,
        timeouts: Timeouts | None = None,
        cooldown: float = 60,
        program: Sequence[str] = DEFAULT_PROGRAM,
    ) -> None:
        """Configure the client.

        Args:
            name: of the service.
            settings: address and keys of the service.
            timeouts: limits of its responses.
            cooldown: seconds without requests after it failed.
            program: replaces the command line of `video_editing`, which checks the results.
        """
        self.name = name
        self._connection = ServiceConnection(name, settings, timeouts)
        self._video_cli = VideoCli(name, CHECK_LIMITS, program)
        self._cooldown, self._resting_until = cooldown, 0.0  # on the monotonic clock

    async def render(self, request: RenderRequest, result: Path, report: Report) -> RenderResult:
        """See :class:`Renderer`."""
        if time.monotonic() < self._resting_until:
            raise BackendUnavailable(self.name, FailureKind.COOLING_DOWN)
        try:
            with _open_folder(result) as folder:
                return await self._render(request, result, folder, report)
        except BackendUnavailable as failure:
            if failure.kind in COOLING_FAILURES:
                self._resting_until = time.monotonic() + self._cooldown
            raise
        except TimeoutError as err:
            raise BackendUnavailable(self.name, FailureKind.TOO_SLOW) from err
        except OSError as err:
            raise OutputFailed(err.strerror) from err

    async def _render(
        self, request: RenderRequest, result: Path, folder: Path, report: Report
    ) -> RenderResult:
        files, part = await collect_files(request, folder), folder / f"part{result.suffix}"
        connection, timeouts = self._connection, self._connection.timeouts
        async with asyncio.timeout(timeouts.total), connection.open(report) as client:
            job_id = derive_render_id(connection.secret, result, files)
            job = RenderJob(self.name, client, timeouts, job_id, files)
            async with job.cleaned_up():
                rendered = await job.run(part, report)
                await self._check(rendered, part, request.thumbnail)
        part.replace(result)
        return RenderResult(self.name, rendered.width, rendered.height, rendered.seconds)

    async def _check(self, rendered: RenderedFile, path: Path, thumbnail: Path | None) -> None:
        """Check the downloaded video, of which a child process writes the *thumbnail*.

        Raises:
            BackendUnavailable: it is not what the service says.
        """
        try:
            video = await probe_video(self._video_cli, self.name, path, thumbnail)
        except InputRejected as err:
            raise BackendUnavailable(
                self.name, FailureKind.INVALID_RESPONSE, f"its result: {err.reason}"
            ) from err
        size = (await asyncio.to_thread(path.stat)).st_size
        promised = rendered.width, rendered.height, rendered.size
        is_promised = (video.width, video.height, size) == promised
        if not is_promised or abs(video.seconds - rendered.seconds) > SECONDS_TOLERANCE:
            raise BackendUnavailable(
                self.name, FailureKind.INVALID_RESPONSE, "its result is another video"
            )


@contextmanager
def _open_folder(result: Path) -> Iterator[Path]:
    """Yield a folder beside *result*, which is removed when the block ends."""
    folder = result.with_name(f".{result.stem}.service")
    with translate_output_errors():
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
