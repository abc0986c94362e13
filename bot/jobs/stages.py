"""The stages that turn a source into a result; what exists is not made again.

After a crash or the loss of the disk, a stage may lack what earlier stages made.
:meth:`JobStages.require` makes up for it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from backends.base import CostIncurred, OverlayBackend, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.local.video_cli import VideoCli
from backends.rendering.base import Renderer, RenderRequest, RenderResult
from bot.database.jobs import Job
from bot.domain.job_request import BackgroundChoice, MediaSource, SourceKind
from bot.domain.outcomes import FailureCode, Rejected, ResultRendered, StepDone
from bot.jobs.workspace import (
    CLIP_FILE,
    COVER_FILE,
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
from bot.telegram.uploads import ResultStills
from video_editing.cli.arguments import format_options
from video_editing.contract.atomic_file import atomic_write, translate_output_errors
from video_editing.contract.errors import InputRejected, OutputFailed, RejectReason
from video_editing.contract.formats import OutputFormat
from video_editing.contract.plan import Plan, Segment, find_missing_segments, read_plan
from video_editing.contract.progress import ignore

#: share of Telegram's limit that a result may fill; the upload also holds the fields of the call
MAX_SIZE_SHARE = 0.98
CLIP_SECONDS_TOLERANCE = 1  #: seconds that a plan may be longer than the limit


class Stage(StrEnum):
    """A stage of a job, in the order in which they run."""

    FETCH = "fetch"
    PLAN = "plan"
    MATTES = "mattes"
    COMPOSE = "compose"
    DELIVER = "deliver"


#: the stages whose files a stage reads
REQUIREMENTS: dict[Stage, tuple[Stage, ...]] = {
    Stage.FETCH: (),
    Stage.PLAN: (Stage.FETCH,),
    Stage.MATTES: (Stage.PLAN, Stage.FETCH),
    Stage.COMPOSE: (Stage.FETCH, Stage.MATTES),
}

StageOutcome = StepDone | ResultRendered | Rejected


class SourceFetcher(Protocol):
    """Downloads files of users."""

    def fetch(self, source: MediaSource, path: Path) -> Awaitable[None]:
        """See :meth:`bot.telegram.downloads.Downloader.fetch`."""


class JobStages:
    """Makes the files of a job, from its sources to its result.

    Every stage may raise what downloads, backends and renderers raise.
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
        """Store the collaborators.

        Args:
            workspace: the folders of jobs.
            downloader: fetches clips and backgrounds.
            create_chain: returns the backends in the order in which a job asks them now.
            renderer: makes results.
            video_cli: makes plans, on this machine.
            limits: of Telegram.
        """
        self._workspace = workspace
        self._downloader = downloader
        self._create_chain = create_chain
        self._renderer = renderer
        self._video_cli = video_cli
        self._limits = limits

    async def require(self, stage: Stage, job: Job, report: Report) -> StageOutcome:
        """Return the outcome of *stage*; run it, and what it requires, if its files are missing."""
        if existing := self._find(stage, job):
            return existing
        for required in REQUIREMENTS[stage]:
            if isinstance(outcome := await self.require(required, job, report), Rejected):
                return outcome
        match stage:
            case Stage.FETCH:
                return await self.fetch(job)
            case Stage.PLAN:
                return await self.plan(job, report)
            case Stage.MATTES:
                return await self.make_mattes(job, report)
            case _:
                return await self.compose(job, report)

    async def fetch(self, job: Job) -> StepDone:
        """Download the clip and the background into the folder of the job."""
        for path, source in self._list_sources(job).items():
            if not path.exists():
                await self._fetch_file(job, path, source)
        return StepDone()

    async def plan(self, job: Job, report: Report) -> StepDone | Rejected:
        """Plan the mattes of the clip; link those that an earlier job made of it."""
        folder, earlier = self._get_mattes_folder(job), job.order.mattes
        if earlier and await link_folder(self._workspace.get_mattes_folder(earlier), folder):
            try:
                await self._run_plan(job, report)
            except InputRejected as err:
                if err.reason is not RejectReason.BAD_MATTE:
                    raise
                # The mattes are of another clip: the link leads to a new one by now.
                await remove_folder(folder)
                await self._run_plan(job, report)
        else:
            await self._run_plan(job, report)
        return self._check_length(read_plan(folder))

    async def make_mattes(self, job: Job, report: Report) -> StepDone:
        """Have the chain of backends make all mattes that are missing."""
        folder = self._get_mattes_folder(job)
        plan, clip = read_plan(folder), self._workspace.get_job_folder(job.id) / CLIP_FILE
        if self._find_missing(job, plan):  # none if those of an earlier job were linked
            await self._create_chain().make_mattes(clip, plan, folder, report)
        return StepDone()

    async def compose(self, job: Job, report: Report) -> ResultRendered | Rejected:
        """Render the result; reject it if it is larger than Telegram accepts."""
        started, path = time.monotonic(), self.get_result_path(job)
        rendered = await self._render(job, path, report)
        await self._choose_stills(job, rendered.seconds)
        report(CostIncurred(rendered.renderer, time.monotonic() - started, rendered.dollars))
        size = (await asyncio.to_thread(path.stat)).st_size
        if size > self._limits.upload_bytes:
            return Rejected(
                fault=FailureCode.RESULT_TOO_BIG,
                details=describe_sizes(size, self._limits.upload_bytes),
            )
        result = ResultRendered(
            width=rendered.width,
            height=rendered.height,
            seconds=rendered.seconds,
            renderer=rendered.renderer,
            dollars=rendered.dollars,
        )
        with (
            atomic_write(self._workspace.get_job_folder(job.id) / RENDERED_FILE) as record,
            translate_output_errors(),
        ):
            record.write_text(result.model_dump_json())
        return result

    def get_result_path(self, job: Job) -> Path:
        """Return the path of the result."""
        return self._workspace.get_job_folder(job.id) / f"result{job.order.form.suffix}"

    def find_stills(self, job: Job) -> ResultStills:
        """Return the pictures that stand for the result, as far as it has them."""
        paths = (self._find_thumbnail_path(job), self._find_cover_path(job))
        return ResultStills(*(path if path and path.exists() else None for path in paths))

    async def keep_mattes(self, job: Job) -> None:
        """Link the mattes of a job to where other forms of its result look for them."""
        await link_folder(self._get_mattes_folder(job), self._workspace.get_mattes_folder(job.id))

    async def remove_files(self, job: Job) -> None:
        """Remove the folders of the job and of its draft; kept mattes stay."""
        await remove_folder(self._workspace.get_job_folder(job.id))
        if job.draft_id:
            await remove_folder(self._workspace.get_draft_folder(job.draft_id))

    def _find(self, stage: Stage, job: Job) -> StageOutcome | None:
        """Return the outcome of *stage* if its files exist."""
        match stage:
            case Stage.FETCH:
                return (
                    StepDone() if all(path.exists() for path in self._list_sources(job)) else None
                )
            case Stage.PLAN:
                plan = self._find_plan(job)
                return self._check_length(plan) if plan else None
            case Stage.MATTES:
                plan = self._find_plan(job)
                return None if plan is None or self._find_missing(job, plan) else StepDone()
            case _:
                return self._find_result(job)

    def _list_sources(self, job: Job) -> dict[Path, MediaSource]:
        folder, background = (
            self._workspace.get_job_folder(job.id),
            job.order.look.backdrop.source,
        )
        sources = {folder / CLIP_FILE: job.order.clip}
        if background:
            sources[folder / name_background_file(background)] = background
        return sources

    def _find_plan(self, job: Job) -> Plan | None:
        folder = self._get_mattes_folder(job)
        return read_plan(folder) if (folder / "plan.json").exists() else None

    def _find_missing(self, job: Job, plan: Plan) -> list[Segment]:
        """Return the segments to make: none where the clip's own background is kept."""
        if job.order.look.keep_background:
            return []
        return find_missing_segments(plan, self._get_mattes_folder(job))

    def _find_result(self, job: Job) -> ResultRendered | None:
        path = self._workspace.get_job_folder(job.id) / RENDERED_FILE
        try:
            result = ResultRendered.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None
        return result if self.get_result_path(job).exists() else None

    def _check_length(self, plan: Plan) -> StepDone | Rejected:
        """Reject a clip that is longer than the limit; Telegram does not tell it for links."""
        numerator, denominator = plan.timebase
        ticks = plan.segments[-1].end - plan.segments[0].start
        seconds, limit = ticks * numerator / denominator, self._limits.clip_seconds
        if seconds <= limit + CLIP_SECONDS_TOLERANCE:
            return StepDone()
        return Rejected(
            fault=FailureCode.CLIP_TOO_LONG, details={"seconds": seconds, "limit": limit}
        )

    async def _fetch_file(self, job: Job, path: Path, source: MediaSource) -> None:
        if source.kind is SourceKind.LINK and not source.link:  # erased from the database
            raise DownloadRejected(FailureCode.EXPIRED)
        with translate_output_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            if await self._link_draft_file(job, path):
                return
        try:
            await self._downloader.fetch(source, path)
        except (DownloadRejected, OutputFailed):
            # The card may have fetched the file in the meantime.
            if not await self._link_draft_file(job, path):
                raise

    async def _link_draft_file(self, job: Job, path: Path) -> bool:
        """Link the file of this name that the card of the draft fetched, if it did."""
        if job.draft_id is None:
            return False
        return await link_file(self._workspace.get_draft_folder(job.draft_id) / path.name, path)

    async def _run_plan(self, job: Job, report: Report) -> None:
        await self._video_cli.run(
            "matte",
            str(self._workspace.get_job_folder(job.id) / CLIP_FILE),
            f"--segments={self._get_mattes_folder(job)}",
            "--plan-only",
            f"--engine={job.order.look.engine}",
            *format_options(job.order.excerpt),
            "--progress=json",
            report=report,
        )

    async def _render(self, job: Job, path: Path, report: Report) -> RenderResult:
        """Render the result to *path*; remove mattes that the renderer cannot use."""
        try:
            return await self._renderer.render(self._build_render_request(job), path, report)
        except InputRejected as err:
            if err.reason is not RejectReason.BAD_MATTE:
                raise
            # The fault is the backend's, not the user's: a retry makes the mattes again.
            await remove_folder(self._get_mattes_folder(job))
            raise BackendUnavailable(
                self._renderer.name, FailureKind.INVALID_RESPONSE, "mattes"
            ) from err

    async def _choose_stills(self, job: Job, seconds: float) -> None:
        """Replace the pictures of a result of so many *seconds* where the user chose the frame."""
        chosen, thumbnail = job.order.cover, self._find_thumbnail_path(job)
        if chosen is None or thumbnail is None:
            return
        cover = self._find_cover_path(job)
        shown = min(max(0, chosen - job.order.excerpt.start), seconds)
        await self._video_cli.run(
            "probe",
            str(self.get_result_path(job)),
            f"--thumbnail={thumbnail}",
            *([f"--cover={cover}"] if cover else []),
            f"--thumbnail-at={shown}",
            "--progress=json",
            report=ignore,
        )

    def _find_cover_path(self, job: Job) -> Path | None:
        """Return where the cover is written; None for a result that Telegram shows without one."""
        folder = self._workspace.get_job_folder(job.id)
        return folder / COVER_FILE if job.order.form is OutputFormat.VIDEO else None

    def _find_thumbnail_path(self, job: Job) -> Path | None:
        """Return where the thumbnail is written; None for a result that has none."""
        folder = self._workspace.get_job_folder(job.id)
        return None if job.order.form.is_transparent else folder / THUMBNAIL_FILE

    def _build_render_request(self, job: Job) -> RenderRequest:
        folder = self._workspace.get_job_folder(job.id)
        look, form = job.order.look, job.order.form
        return RenderRequest(
            clip=folder / CLIP_FILE,
            mattes=None if look.keep_background else folder / MATTES_FOLDER,
            background=format_background(look.backdrop, folder),
            style=look.to_style(form),
            form=form,
            canvas=look.canvas,
            sound=look.sound,
            excerpt=job.order.excerpt,
            max_bytes=int(self._limits.upload_bytes * MAX_SIZE_SHARE),
            thumbnail=self._find_thumbnail_path(job),
            cover=self._find_cover_path(job),
        )

    def _get_mattes_folder(self, job: Job) -> Path:
        return self._workspace.get_job_folder(job.id) / MATTES_FOLDER


def format_background(background: BackgroundChoice, folder: Path) -> str:
    """Return *background* as renderers and the command line take it; files are in *folder*."""
    if background.kind == "file" and background.source:
        return str(folder / name_background_file(background.source))
    return "blur" if background.kind == "blur" else background.colour
