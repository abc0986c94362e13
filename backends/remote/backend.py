"""The backend behind HTTP: the service, at Modal or on a machine of the operator."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backends.base import Event, OverlayBackend, Report, make_monotonic
from backends.errors import BackendUnavailable, FailureKind
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM, VideoCli
from backends.remote.connection import ServiceConnection
from backends.remote.http_client import Timeouts
from backends.remote.job import RemoteJob, derive_job_id, hash_clip, open_staging
from backends.remote.schemas import MatteJobRequest
from backends.rendering.base import SERVICE_FILE
from settings import RemoteSettings
from video_editing.contract.errors import OutputFailed
from video_editing.contract.plan import Plan, find_missing_segments, write_plan
from video_editing.contract.progress import Progress, ignore

CHECK_LIMITS = ProcessLimits(max_seconds=120, stall_seconds=120, max_memory=2 << 30)


class RemoteBackend(OverlayBackend):
    """Makes mattes at a service, with its address and a key."""

    def __init__(
        self,
        name: str,
        settings: RemoteSettings,
        *,
        timeouts: Timeouts | None = None,
        keeps_clips: bool = False,
        program: Sequence[str] = DEFAULT_PROGRAM,
    ) -> None:
        """Configure the client.

        Args:
            name: name of this backend.
            settings: address, keys and price of the service.
            timeouts: limits of its responses.
            keeps_clips: whether clips stay at the service, where their results are rendered next.
            program: replaces the command line of `video_editing`, which checks the segments.
        """
        self.name = name
        self._connection, self._price = ServiceConnection(name, settings, timeouts), settings.price
        self._keeps_clips = keeps_clips
        self._video_cli = VideoCli(name, CHECK_LIMITS, program)

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        forward = make_monotonic(report, plan.frames)
        plan = plan.prefer_best_engine()  # a GPU is faster with it than the clip plays
        try:
            write_plan(plan, folder)
            if find_missing_segments(plan, folder):
                await self._run_job(clip, plan, folder, forward)
                if self._keeps_clips:
                    (folder / SERVICE_FILE).write_text(self.name)
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
        async with self._connection.open(ignore):
            pass

    async def _run_job(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        missing_plan = plan.model_copy(
            update={"segments": tuple(find_missing_segments(plan, folder))}
        )
        request = MatteJobRequest(input=await hash_clip(clip), plan=missing_plan)
        connection, timeouts = self._connection, self._connection.timeouts
        job_id = derive_job_id(connection.secret, folder, request.input, plan)
        async with asyncio.timeout(timeouts.total), connection.open(report) as client:
            job = RemoteJob(
                self.name, client, timeouts, job_id, request, keeps_clip=self._keeps_clips
            )
            with open_staging(self.name, self._video_cli, clip, plan, folder) as staging:
                done_before = plan.frames - missing_plan.frames
                await job.run(clip, staging, _add_done_frames(done_before, report), self._price)


def _add_done_frames(done_before: int, report: Report) -> Report:
    """Return a report whose progress includes the frames that were done before the job."""

    def forward(event: Event) -> None:
        if isinstance(event, Progress):
            event = replace(event, done=event.done + done_before, total=event.total + done_before)
        report(event)

    return forward
