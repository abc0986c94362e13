"""The stages of a job; each makes what it needs and is not there, and nothing twice.

So it is all the same whether a job begins, goes on after a crash, or finds that the disk was lost:
whoever asks for a later stage gets what the earlier ones make.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from backends.base import CostIncurred, OverlayBackend, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.local.video_cli import VideoCli
from backends.rendering.base import Renderer, RenderRequest
from bot.database.jobs import Job
from bot.domain.appearance import BackgroundChoice
from bot.domain.media_source import MediaSource, SourceKind
from bot.domain.outcomes import FailureCode, Rejected, ResultRendered, StepDone
from bot.jobs.workspace import (
    CLIP_FILE,
    MATTES_FOLDER,
    RENDERED_FILE,
    THUMBNAIL_FILE,
    Workspace,
    link_file,
    link_folder,
    name_background_file,
    remove_folder,
)
from bot.telegram.errors import DownloadRejected
from bot.telegram.limits import TelegramLimits, describe_sizes
from video_editing.contract.atomic_file import atomic_write, translate_output_errors
from video_editing.contract.errors import InputRejected, OutputFailed, RejectReason
from video_editing.contract.plan import Plan, find_missing_segments, read_plan

MAX_SIZE_SHARE = (
    0.98  #: of what Telegram takes, that a result may fill: it comes with words around it
)


class SourceFetcher(Protocol):
    """Where files come from."""

    def fetch(self, source: MediaSource, path: Path) -> Awaitable[None]:
        """See :class:`bot.telegram.downloads.Downloads`."""


class JobStages:
    """From a source to a result.

    Every stage may raise what Downloads, places and renderers raise.
    """

    def __init__(
        self,
        workspace: Workspace,
        downloader: SourceFetcher,
        create_chain: Callable[[], OverlayBackend],
        renderer: Renderer,
        video_cli: VideoCli,
        limits: TelegramLimits,
    ) -> None:
        """Know who does the work.

        Args:
            workspace: where files lie.
            downloader: where they come from.
            create_chain: the places, as a job that begins now is to ask them.
            renderer: makes results.
            video_cli: of this machine, for plans.
            limits: of Telegram.
        """
        self._workspace = workspace
        self._downloader = downloader
        self._create_chain = create_chain
        self._renderer = renderer
        self._video_cli = video_cli
        self._limits = limits

    async def fetch(self, job: Job, _report: Report) -> StepDone:
        """Have the clip, and the file behind her, in the job's folder."""
        behind = job.order.look.backdrop.source
        sources = {CLIP_FILE: job.order.clip} | (
            {name_background_file(behind): behind} if behind else {}
        )
        for name, source in sources.items():
            await self._fetch_file(job, name, source)
        return StepDone()

    async def plan(self, job: Job, report: Report) -> StepDone | Rejected:
        """Have a plan of the clip, with the mattes that an earlier job made of it."""
        folder = self._workspace.get_job_folder(job.id) / MATTES_FOLDER
        if not (folder / "plan.json").exists():
            await self.fetch(job, report)
            await self._make_plan(job, folder, report)
        plan = read_plan(folder)
        seconds = (plan.segments[-1].end - plan.segments[0].start) * _get_tick_seconds(plan)
        if seconds > self._limits.clip_seconds + 1:
            limit = self._limits.clip_seconds
            return Rejected(
                fault=FailureCode.CLIP_TOO_LONG, details={"seconds": seconds, "limit": limit}
            )
        return StepDone()

    async def make_mattes(self, job: Job, report: Report) -> StepDone | Rejected:
        """Have all mattes that the plan asks for."""
        if isinstance(planned := await self.plan(job, report), Rejected):
            return planned
        folder = self._workspace.get_job_folder(job.id) / MATTES_FOLDER
        plan = read_plan(folder)
        if find_missing_segments(plan, folder):
            await self.fetch(job, report)
            clip = self._workspace.get_job_folder(job.id) / CLIP_FILE
            await self._create_chain().make_mattes(clip, plan, folder, report)
        return StepDone()

    async def compose(self, job: Job, report: Report) -> ResultRendered | Rejected:
        """Have the result."""
        if made := self._read_rendered(job):
            return made
        await self.fetch(job, report)
        if isinstance(matted := await self.make_mattes(job, report), Rejected):
            return matted
        began = time.monotonic()
        try:
            rendered = await self._renderer.render(
                self._build_render_request(job), self.get_result_path(job), report
            )
        except InputRejected as err:
            if err.reason is RejectReason.BAD_MATTE:  # ours, not the user's: they are made anew
                await remove_folder(self._workspace.get_job_folder(job.id) / MATTES_FOLDER)
                raise BackendUnavailable(
                    self._renderer.name, FailureKind.INVALID_RESPONSE, "mattes"
                ) from err
            raise
        report(CostIncurred(rendered.renderer, time.monotonic() - began, rendered.dollars))
        size = (await asyncio.to_thread(self.get_result_path(job).stat)).st_size
        if size > self._limits.upload_bytes:
            return Rejected(
                fault=FailureCode.RESULT_TOO_BIG,
                details=describe_sizes(size, self._limits.upload_bytes),
            )
        made = ResultRendered(
            width=rendered.width,
            height=rendered.height,
            seconds=rendered.seconds,
            renderer=rendered.renderer,
            dollars=rendered.dollars,
        )
        with (
            atomic_write(self._workspace.get_job_folder(job.id) / RENDERED_FILE) as path,
            translate_output_errors(),
        ):
            path.write_text(made.model_dump_json())
        return made

    def get_result_path(self, job: Job) -> Path:
        """Where the result lies."""
        return self._workspace.get_job_folder(job.id) / f"result{job.order.form.suffix}"

    def find_thumbnail(self, job: Job) -> Path | None:
        """Where a small picture of the result lies, if there is one."""
        path = self._workspace.get_job_folder(job.id) / THUMBNAIL_FILE
        return path if path.exists() else None

    async def keep_mattes(self, job: Job) -> None:
        """Keep the mattes of a job that went well, for other forms of its result."""
        await link_folder(
            self._workspace.get_job_folder(job.id) / MATTES_FOLDER,
            self._workspace.get_mattes_folder(job.id),
        )

    async def remove_files(self, job: Job) -> None:
        """Remove the clip and all that was made of it; what is kept is elsewhere."""
        await remove_folder(self._workspace.get_job_folder(job.id))
        if job.draft_id:
            await remove_folder(self._workspace.get_draft_folder(job.draft_id))

    async def _fetch_file(self, job: Job, name: str, source: MediaSource) -> None:
        path = self._workspace.get_job_folder(job.id) / name
        if path.exists():
            return
        if source.kind is SourceKind.LINK and not source.link:  # the ledger has forgotten it
            raise DownloadRejected(FailureCode.EXPIRED)
        with translate_output_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            if job.draft_id and await link_file(
                self._workspace.get_draft_folder(job.draft_id) / name, path
            ):
                return
        try:
            await self._downloader.fetch(source, path)
        except (DownloadRejected, OutputFailed):
            # A second look: the card may have fetched it meanwhile.
            if not (
                job.draft_id
                and await link_file(self._workspace.get_draft_folder(job.draft_id) / name, path)
            ):
                raise

    async def _make_plan(self, job: Job, folder: Path, report: Report) -> None:
        earlier = job.order.mattes
        if earlier and await link_folder(self._workspace.get_mattes_folder(earlier), folder):
            try:
                return await self._run_plan(job, folder, report)
            except InputRejected as err:
                if err.reason is not RejectReason.BAD_MATTE:
                    raise
                await remove_folder(
                    folder
                )  # of another clip: the link leads to something else today
        await self._run_plan(job, folder, report)
        return None

    async def _run_plan(self, job: Job, folder: Path, report: Report) -> None:
        await self._video_cli.run(
            "matte",
            str(self._workspace.get_job_folder(job.id) / CLIP_FILE),
            f"--segments={folder}",
            "--plan-only",
            f"--engine={job.order.look.engine}",
            "--progress=json",
            report=report,
        )

    def _read_rendered(self, job: Job) -> ResultRendered | None:
        """What lies there, if it is whole."""
        path = self._workspace.get_job_folder(job.id) / RENDERED_FILE
        try:
            made = ResultRendered.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None
        return made if self.get_result_path(job).exists() else None

    def _build_render_request(self, job: Job) -> RenderRequest:
        folder = self._workspace.get_job_folder(job.id)
        look, form = job.order.look, job.order.form
        return RenderRequest(
            clip=folder / CLIP_FILE,
            mattes=folder / MATTES_FOLDER,
            background=format_background(job.order.look.backdrop, folder),
            style=look.to_style(form),
            form=form,
            max_bytes=int(self._limits.upload_bytes * MAX_SIZE_SHARE),
            thumbnail=None if form.is_transparent else folder / THUMBNAIL_FILE,
        )


def format_background(background: BackgroundChoice, folder: Path) -> str:
    """What is behind her, as renderers and the command line take it."""
    if background.kind == "file" and background.source:
        return str(folder / name_background_file(background.source))
    return "blur" if background.kind == "blur" else background.colour


def _get_tick_seconds(plan: Plan) -> float:
    numerator, denominator = plan.timebase
    return numerator / denominator
