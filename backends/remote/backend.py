"""A place of work at the other end of HTTP: the service, at Modal or on a machine of one's own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar
from yarl import URL

from backends.base import ColdStart, Event, OverlayBackend, Report, make_monotonic
from backends.errors import BackendUnavailable, FailureKind
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM, VideoCli
from backends.remote.http_client import ServiceClient, Timeouts
from backends.remote.job import RemoteJob, derive_job_id, hash_clip
from backends.remote.schemas import MatteJobRequest
from backends.remote.staging import open_staging
from settings import RemoteSettings
from video_editing.contract.errors import OutputFailed
from video_editing.contract.plan import Plan, find_missing_segments, write_plan
from video_editing.contract.progress import Progress

PROBE_PATH = f"clips/{'0' * 64}"  #: asked for without a key, to see whether the door is locked
CHECK_LIMITS = ProcessLimits(max_seconds=120, stall_seconds=120, max_memory=2 << 30)
CONNECT_SECONDS = 10


class RemoteBackend(OverlayBackend):
    """A service, reached by its address and a key."""

    def __init__(
        self,
        name: str,
        settings: RemoteSettings,
        *,
        timeouts: Timeouts | None = None,
        program: Sequence[str] = DEFAULT_PROGRAM,
    ) -> None:
        """Remember where it is.

        Args:
            name: as the chain calls this place.
            settings: its address, keys and price.
            timeouts: how long to wait for it.
            program: what to run in place of the command line, to check what comes.
        """
        self.name = name
        self._base, self._price = URL(settings.endpoint), settings.price
        self._auth_headers = _build_auth_headers(settings)
        self._timeouts = timeouts or Timeouts()
        self._video_cli = VideoCli(name, CHECK_LIMITS, program)
        self._is_protected = False

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        forward = make_monotonic(report, plan.frames)
        try:
            write_plan(plan, folder)
            if find_missing_segments(plan, folder):
                await self._run_job(clip, plan, folder, forward)
        except TimeoutError as err:
            raise BackendUnavailable(self.name, FailureKind.TOO_SLOW) from err
        except OSError as err:
            raise OutputFailed(err.strerror) from err
        forward(Progress("mattes", plan.frames, plan.frames, 0))

    async def check(self) -> None:
        """See that the service turns strangers away.

        Raises:
            BackendUnavailable: it does not, or nobody can tell.
        """
        async with self._open_client(_ignore_event) as calls:
            await self._require_authentication(calls)

    async def _require_authentication(self, client: ServiceClient) -> None:
        if self._is_protected:
            return
        if not await client.requires_authentication(PROBE_PATH):
            raise BackendUnavailable(self.name, FailureKind.UNSAFE, "it is open to everybody")
        self._is_protected = True

    async def _run_job(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        missing_plan = plan.model_copy(
            update={"segments": tuple(find_missing_segments(plan, folder))}
        )
        request = MatteJobRequest(input=await hash_clip(clip), plan=missing_plan)
        job_id = derive_job_id(repr(self._auth_headers).encode(), folder, request.input, plan)
        async with asyncio.timeout(self._timeouts.total), self._open_client(report) as calls:
            await self._require_authentication(calls)
            job = RemoteJob(self.name, calls, self._timeouts, job_id, request)
            with open_staging(self.name, self._video_cli, clip, plan, folder) as waiting:
                before = plan.frames - missing_plan.frames
                await job.run(clip, waiting, _add_done_frames(before, report), self._price)

    @asynccontextmanager
    async def _open_client(self, report: Report) -> AsyncIterator[ServiceClient]:
        is_reported = False

        def report_cold_start() -> None:
            nonlocal is_reported
            if not is_reported:
                is_reported = True
                report(ColdStart(self.name))

        timeout = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        async with ClientSession(
            timeout=timeout, cookie_jar=DummyCookieJar(), trust_env=False
        ) as session:
            yield ServiceClient(
                self.name,
                session,
                self._base,
                self._auth_headers,
                self._timeouts,
                report_cold_start,
            )


def _build_auth_headers(settings: RemoteSettings) -> dict[str, str]:
    token = settings.token.get_secret_value()
    proxy = settings.key.get_secret_value(), settings.secret.get_secret_value()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if all(proxy):
        headers |= {"Modal-Key": proxy[0], "Modal-Secret": proxy[1]}
    return headers


def _add_done_frames(done_before: int, report: Report) -> Report:
    """A report in which frames that were there before count as done."""

    def forward(event: Event) -> None:
        if isinstance(event, Progress):
            event = replace(event, done=event.done + done_before, total=event.total + done_before)
        report(event)

    return forward


def _ignore_event(_: object) -> None:
    """Nobody is told about a check."""
