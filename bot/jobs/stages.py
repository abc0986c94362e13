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

from backends.base import OverlayBackend, Report, Spent
from backends.errors import BackendUnavailable, Why
from backends.local.video_cli import Command
from backends.rendering.base import Renderer, Scene
from bot.database.jobs import Job
from bot.domain.appearance import Backdrop
from bot.domain.media_source import Kind, Source
from bot.domain.outcomes import Done, Fault, Made, Refused
from bot.jobs.workspace import (
    CLIP,
    MADE,
    MATTES,
    THUMBNAIL,
    Folders,
    background,
    link,
    link_all,
    remove,
)
from bot.telegram.errors import Unfetched
from bot.telegram.limits import Limits, sizes
from video_editing.contract.atomic_file import output_errors, whole
from video_editing.contract.errors import InputRejected, OutputFailed, Reason
from video_editing.contract.plan import Plan, missing, read_plan

ROOM = 0.98  #: of what Telegram takes, that a result may fill: it comes with words around it


class Fetching(Protocol):
    """Where files come from."""

    def fetch(self, source: Source, path: Path) -> Awaitable[None]:
        """See :class:`bot.telegram.downloads.Downloads`."""


class Stages:
    """From a source to a result.

    Every stage may raise what Downloads, places and renderers raise.
    """

    def __init__(
        self,
        folders: Folders,
        downloads: Fetching,
        chain: Callable[[], OverlayBackend],
        renderer: Renderer,
        command: Command,
        limits: Limits,
    ) -> None:
        """Know who does the work.

        Args:
            folders: where files lie.
            downloads: where they come from.
            chain: the places, as a job that begins now is to ask them.
            renderer: makes results.
            command: of this machine, for plans.
            limits: of Telegram.
        """
        self._folders = folders
        self._downloads = downloads
        self._chain = chain
        self._renderer = renderer
        self._command = command
        self._limits = limits

    async def fetch(self, job: Job, _report: Report) -> Done:
        """Have the clip, and the file behind her, in the job's folder."""
        behind = job.order.look.backdrop.source
        sources = {CLIP: job.order.clip} | ({background(behind): behind} if behind else {})
        for name, source in sources.items():
            await self._fetched(job, name, source)
        return Done()

    async def plan(self, job: Job, report: Report) -> Done | Refused:
        """Have a plan of the clip, with the mattes that an earlier job made of it."""
        folder = self._folders.job(job.id) / MATTES
        if not (folder / "plan.json").exists():
            await self.fetch(job, report)
            await self._planned(job, folder, report)
        plan = read_plan(folder)
        seconds = (plan.segments[-1].end - plan.segments[0].start) * _tick(plan)
        if seconds > self._limits.clip_seconds + 1:
            limit = self._limits.clip_seconds
            return Refused(fault=Fault.TOO_LONG_CLIP, details={"seconds": seconds, "limit": limit})
        return Done()

    async def mattes(self, job: Job, report: Report) -> Done | Refused:
        """Have all mattes that the plan asks for."""
        if isinstance(planned := await self.plan(job, report), Refused):
            return planned
        folder = self._folders.job(job.id) / MATTES
        plan = read_plan(folder)
        if missing(plan, folder):
            await self.fetch(job, report)
            clip = self._folders.job(job.id) / CLIP
            await self._chain().make_mattes(clip, plan, folder, report)
        return Done()

    async def compose(self, job: Job, report: Report) -> Made | Refused:
        """Have the result."""
        if made := self._made(job):
            return made
        await self.fetch(job, report)
        if isinstance(matted := await self.mattes(job, report), Refused):
            return matted
        began = time.monotonic()
        try:
            rendered = await self._renderer.render(self._scene(job), self.result(job), report)
        except InputRejected as err:
            if err.reason is Reason.BAD_MATTE:  # ours, not the user's: they are made anew
                await remove(self._folders.job(job.id) / MATTES)
                raise BackendUnavailable(self._renderer.name, Why.GARBAGE, "mattes") from err
            raise
        report(Spent(rendered.renderer, time.monotonic() - began, rendered.dollars))
        size = (await asyncio.to_thread(self.result(job).stat)).st_size
        if size > self._limits.upload:
            return Refused(fault=Fault.RESULT_TOO_BIG, details=sizes(size, self._limits.upload))
        made = Made(
            width=rendered.width,
            height=rendered.height,
            seconds=rendered.seconds,
            renderer=rendered.renderer,
            dollars=rendered.dollars,
        )
        with whole(self._folders.job(job.id) / MADE) as path, output_errors():
            path.write_text(made.model_dump_json())
        return made

    def result(self, job: Job) -> Path:
        """Where the result lies."""
        return self._folders.job(job.id) / f"result{job.order.form.suffix}"

    def thumbnail(self, job: Job) -> Path | None:
        """Where a small picture of the result lies, if there is one."""
        path = self._folders.job(job.id) / THUMBNAIL
        return path if path.exists() else None

    async def keep(self, job: Job) -> None:
        """Keep the mattes of a job that went well, for other forms of its result."""
        await link_all(self._folders.job(job.id) / MATTES, self._folders.mattes(job.id))

    async def clear(self, job: Job) -> None:
        """Remove the clip and all that was made of it; what is kept is elsewhere."""
        await remove(self._folders.job(job.id))
        if job.draft:
            await remove(self._folders.draft(job.draft))

    async def _fetched(self, job: Job, name: str, source: Source) -> None:
        path = self._folders.job(job.id) / name
        if path.exists():
            return
        if source.kind is Kind.LINK and not source.link:  # the ledger has forgotten it
            raise Unfetched(Fault.OLD)
        with output_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            if job.draft and await link(self._folders.draft(job.draft) / name, path):
                return
        try:
            await self._downloads.fetch(source, path)
        except (Unfetched, OutputFailed):
            # A second look: the card may have fetched it meanwhile.
            if not (job.draft and await link(self._folders.draft(job.draft) / name, path)):
                raise

    async def _planned(self, job: Job, folder: Path, report: Report) -> None:
        earlier = job.order.mattes
        if earlier and await link_all(self._folders.mattes(earlier), folder):
            try:
                return await self._run_plan(job, folder, report)
            except InputRejected as err:
                if err.reason is not Reason.BAD_MATTE:
                    raise
                await remove(folder)  # of another clip: the link leads to something else today
        await self._run_plan(job, folder, report)
        return None

    async def _run_plan(self, job: Job, folder: Path, report: Report) -> None:
        await self._command.run(
            "matte",
            str(self._folders.job(job.id) / CLIP),
            f"--segments={folder}",
            "--plan-only",
            f"--engine={job.order.look.engine}",
            "--progress=json",
            report=report,
        )

    def _made(self, job: Job) -> Made | None:
        """What lies there, if it is whole."""
        path = self._folders.job(job.id) / MADE
        try:
            made = Made.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None
        return made if self.result(job).exists() else None

    def _scene(self, job: Job) -> Scene:
        folder = self._folders.job(job.id)
        look, form = job.order.look, job.order.form
        return Scene(
            clip=folder / CLIP,
            mattes=folder / MATTES,
            background=behind(job.order.look.backdrop, folder),
            style=look.style(form),
            form=form,
            max_bytes=int(self._limits.upload * ROOM),
            thumbnail=None if form.transparent else folder / THUMBNAIL,
        )


def behind(backdrop: Backdrop, folder: Path) -> str:
    """What is behind her, as renderers and the command line take it."""
    if backdrop.kind == "file" and backdrop.source:
        return str(folder / background(backdrop.source))
    return "blur" if backdrop.kind == "blur" else backdrop.colour


def _tick(plan: Plan) -> float:
    numerator, denominator = plan.timebase
    return numerator / denominator
