"""The backend behind HTTP: the service, at Modal or on a machine of the operator."""

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
from backends.remote.job import RemoteJob, derive_job_id, hash_clip, open_staging
from backends.remote.schemas import MatteJobRequest
from settings import RemoteSettings
from video_editing.contract.errors import OutputFailed
from video_editing.contract.plan import Plan, find_missing_segments, write_plan
from video_editing.contract.progress import Progress, ignore

PROBE_PATH = f"clips/{'0' * 64}"  #: requested without a key, which the service must reject
CHECK_LIMITS = ProcessLimits(max_seconds=120, stall_seconds=120, max_memory=2 << 30)
CONNECT_SECONDS = 10


class RemoteBackend(OverlayBackend):
    """Makes mattes at a service, with its address and a key."""

    def __init__(
        self,
        name: str,
        settings: RemoteSettings,
        *,
        timeouts: Timeouts | None = None,
        program: Sequence[str] = DEFAULT_PROGRAM,
    ) -> None:
        """Configure the client.

        Args:
            name: name of this backend.
            settings: address, keys and price of the service.
            timeouts: limits of its responses.
            program: replaces the command line of `video_editing`, which checks the segments.
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
        plan = plan.prefer_best_engine()  # a GPU is faster with it than the clip plays
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
        """Check that the service rejects requests without a key.

        Raises:
            BackendUnavailable: it accepts them, or its answer does not show whether it does.
        """
        async with self._open_client(ignore) as client:
            await self._require_authentication(client)

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
        async with asyncio.timeout(self._timeouts.total), self._open_client(report) as client:
            await self._require_authentication(client)
            job = RemoteJob(self.name, client, self._timeouts, job_id, request)
            with open_staging(self.name, self._video_cli, clip, plan, folder) as staging:
                done_before = plan.frames - missing_plan.frames
                await job.run(clip, staging, _add_done_frames(done_before, report), self._price)

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
    """Return a report whose progress includes the frames that were done before the job."""

    def forward(event: Event) -> None:
        if isinstance(event, Progress):
            event = replace(event, done=event.done + done_before, total=event.total + done_before)
        report(event)

    return forward
