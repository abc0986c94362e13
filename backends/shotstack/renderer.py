"""Shotstack as a renderer: parts go there, a result comes back, and nothing of ours stays."""

import asyncio
import logging
import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from pydantic import ValidationError

from backends.base import CostIncurred, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.links.download import FetchLimits
from backends.local.process import ProcessLimits
from backends.local.video_cli import DEFAULT_PROGRAM, VideoCli
from backends.rendering.base import Renderer, RenderRequest, RenderResult
from backends.rendering.budget import BudgetExceeded, MonthlyBudget
from backends.shotstack.assets import probe_video, render_parts, upload_parts
from backends.shotstack.client import ShotstackClient
from backends.shotstack.errors import (
    OutcomeUnknown,
    ShotstackError,
    ShotstackFailed,
    ShotstackRateLimited,
    ShotstackRefused,
    ShotstackUnavailable,
)
from backends.shotstack.rate_limiter import RequestLog, ShotstackTimeouts, get_steady_time
from backends.shotstack.render_job import render_edit
from backends.shotstack.render_log import RenderLog, compute_intent_id
from backends.shotstack.timeline import FRAME_RATES, TooManyLoops, build_edit
from backends.shotstack.transfer import (
    ExpectedResult,
    ResultDownload,
    delete_sources,
    expect_result,
    open_shotstack_client,
)
from backends.state_file import JsonStateFile
from settings import RenderingSettings
from video_editing.contract.atomic_file import atomic_write, translate_output_errors
from video_editing.contract.formats import OutputFormat

log = logging.getLogger(__name__)

MAX_SANDBOX_SECONDS = 600  #: of the longest render in the sandbox
REFUSED_KEY_SECONDS = 300  #: seconds for which nobody asks, where the key is refused
CLEANUP_SECONDS = 15  #: for the deletion of what was uploaded; what is left is deleted later
CANCELLED_CLEANUP_SECONDS = 1.5  #: the same, where somebody waits for us to stop
LEFTOVER_SECONDS = 3 * 3600  #: after which what is left is nobody's
REQUEST_FILE = "asked.json"  #: in the folder of the work


class ShotstackRenderer(Renderer):
    """Makes videos; a restart of the same work goes on with the render that was asked for."""

    name = "shotstack"

    def __init__(
        self,
        settings: RenderingSettings,
        folder: Path,
        limits: ProcessLimits,
        budget: MonthlyBudget,
        program: Sequence[str] = DEFAULT_PROGRAM,
        *,
        render_log: RenderLog | None = None,
        callback_url: str | None = None,
        timeouts: ShotstackTimeouts | None = None,
    ) -> None:
        """Know the account.

        Args:
            settings: whose it is.
            folder: where it is kept what was asked for.
            limits: of each child.
            budget: what may be spent.
            program: what to run in place of the command line of video_editing.
            render_log: what was asked for, shared with who hears callbacks.
            callback_url: the address at which they are heard, with its secret.
            timeouts: how long to wait.
        """
        self.settings, self.budget, self.callback_url = settings, budget, callback_url
        self.render_log = render_log or RenderLog(folder / "renders.json")
        self.video_cli = VideoCli(self.name, limits, program)
        self.timeouts = timeouts or ShotstackTimeouts()
        self._request_log = JsonStateFile(folder / "requests.json", RequestLog)
        self._suspended_until = 0.0  # the monotonic clock's time before which nobody asks

    def can_render(self, request: RenderRequest) -> bool:
        """Only plain videos; the other forms are Telegram's, or have alpha."""
        return request.form is OutputFormat.VIDEO

    async def render(self, request: RenderRequest, result: Path, report: Report) -> RenderResult:
        """See :class:`Renderer`."""
        if time.monotonic() < self._suspended_until:
            raise BackendUnavailable(self.name, FailureKind.COOLING_DOWN, "the key was refused")
        try:
            async with self.open_client() as client:
                return await _RenderRun(self, client, request, result, report).run()
        except ShotstackError as err:
            failure = translate_error(self.name, err)
            if failure.kind is FailureKind.REFUSED:
                self._suspended_until = time.monotonic() + REFUSED_KEY_SECONDS
            raise failure from err

    def open_client(self) -> AbstractAsyncContextManager[ShotstackClient]:
        """Open a client; all of them keep the limits together."""
        return open_shotstack_client(self.settings, self._request_log, self.timeouts)

    @property
    def result_download(self) -> ResultDownload:
        """How its results are taken."""
        return ResultDownload(
            self.video_cli, self.name, self.settings.api_url, self.timeouts.retry_wait
        )

    def compute_price(self, seconds: float) -> float:
        """What a result of *seconds* costs."""
        return 0 if self.settings.stage == "stage" else seconds / 60 * self.settings.price

    def reserve_budget(self, intent: str, seconds: float) -> None:
        """Book what a result of *seconds* costs.

        Raises:
            BackendUnavailable: the plan or the budget has no room for it.
        """
        if self.settings.stage == "stage" and seconds > MAX_SANDBOX_SECONDS:
            detail = f"the sandbox takes {MAX_SANDBOX_SECONDS} s"
            raise BackendUnavailable(self.name, FailureKind.NOT_CONFIGURED, detail)
        try:
            self.budget.reserve(intent, self.compute_price(seconds))
        except BudgetExceeded as err:
            raise BackendUnavailable(
                self.name, FailureKind.COOLING_DOWN, "the month's money is spent"
            ) from err

    def release_if_unbilled(self, intent: str, err: BaseException) -> bool:
        """Whether work that ended with *err* is surely not billed; its booking is taken back."""
        is_free = isinstance(err, ShotstackFailed) or self.render_log.get(intent).posted is None
        if is_free:
            self.budget.release(intent)
        return is_free

    async def clean_up(self, client: ShotstackClient, intent: str) -> None:
        """Have Shotstack keep no longer what was uploaded for *intent*, nor what is left of others.

        What cannot be deleted soon is deleted after another render.
        """
        task = asyncio.current_task()
        is_cancelling = task is not None and task.cancelling() > 0
        try:
            async with asyncio.timeout(
                CANCELLED_CLEANUP_SECONDS if is_cancelling else CLEANUP_SECONDS
            ):
                left = self.render_log.find_leftover_sources(get_steady_time() - LEFTOVER_SECONDS)
                await delete_sources(client, self.render_log, [intent, *left])
        except (ShotstackError, TimeoutError) as err:
            log.warning("sources stay at %s for now: %s", self.name, err)


class _RenderRun:
    """One result."""

    def __init__(
        self,
        renderer: ShotstackRenderer,
        client: ShotstackClient,
        request: RenderRequest,
        result: Path,
        report: Report,
    ) -> None:
        self._renderer, self._client = renderer, client
        self._request, self._result, self._report = request, result, report
        self._folder = result.with_name(f".{result.stem}.shotstack")
        self._intent = compute_intent_id(request, result)

    async def run(self) -> RenderResult:
        began = time.monotonic()
        renderer, render_log = self._renderer, self._renderer.render_log
        bill = 0.0
        try:
            expected = self._load_expected() or await self._prepare()
            bill = renderer.compute_price(expected.seconds)
            state = await render_edit(
                self._client,
                render_log,
                self._intent,
                expected.edit,
                callback_url=renderer.callback_url,
            )
            await self._download_result(state.url or "", expected)
        except BaseException as err:
            if renderer.release_if_unbilled(self._intent, err):
                bill = 0
            raise
        finally:
            await renderer.clean_up(self._client, self._intent)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._report(CostIncurred(renderer.name, time.monotonic() - began, bill))
        return RenderResult(renderer.name, expected.width, expected.height, expected.seconds, bill)

    def _load_expected(self) -> ExpectedResult | None:
        """What an earlier process of ours asked for, or was about to."""
        try:
            return ExpectedResult.model_validate_json((self._folder / REQUEST_FILE).read_bytes())
        except (OSError, ValidationError):
            return None

    async def _prepare(self) -> ExpectedResult:
        """Make the parts, bring them there, and put down what is to be asked for."""
        renderer, settings = self._renderer, self._renderer.settings
        clip = await probe_video(renderer.video_cli, renderer.name, self._request.clip)
        renderer.reserve_budget(self._intent, clip.seconds)
        parts = await render_parts(
            renderer.video_cli,
            renderer.name,
            self._request,
            self._folder,
            FRAME_RATES[clip.api_rate],
            settings.alpha_format,
            self._report,
        )
        overlays, backdrop = await upload_parts(self._client, [parts], self._record_source)
        output = parts.create_output_spec(clip.api_rate)
        try:
            body = build_edit(overlays, backdrop, output)
        except TooManyLoops as err:
            raise BackendUnavailable(
                renderer.name, FailureKind.INVALID_RESPONSE, "the film is too short"
            ) from err
        expected = expect_result(body, output, sound=parts.sound or backdrop.has_sound)
        with atomic_write(self._folder / REQUEST_FILE) as path, translate_output_errors():
            path.write_text(expected.model_dump_json())
        return expected

    def _record_source(self, source: str) -> None:
        self._renderer.render_log.add_source(self._intent, source)

    async def _download_result(self, link: str, expected: ExpectedResult) -> None:
        path = self._folder / "result.mp4"
        limits = (
            FetchLimits()
            if self._request.max_bytes is None
            else FetchLimits(self._request.max_bytes)
        )
        with translate_output_errors():
            self._folder.mkdir(parents=True, exist_ok=True)
        await self._renderer.result_download.download(
            link, path, expected, limits, self._request.thumbnail
        )
        with translate_output_errors():
            path.replace(self._result)


def translate_error(name: str, err: ShotstackError) -> BackendUnavailable:
    """What to do about *err*: ask another, and tell whom it concerns."""
    match err:
        case ShotstackRefused():
            return BackendUnavailable(name, FailureKind.REFUSED, str(err))
        case ShotstackRateLimited(retry_after=seconds):
            return BackendUnavailable(name, FailureKind.BUSY, str(err), retry_after=seconds)
        case ShotstackUnavailable() | OutcomeUnknown():
            return BackendUnavailable(name, FailureKind.UNREACHABLE, str(err))
        case _:
            return BackendUnavailable(name, FailureKind.BROKEN, str(err))
