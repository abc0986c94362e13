"""The renderer at Shotstack: uploads parts, downloads the result and deletes the uploads."""

import asyncio
import logging
import shutil
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from pydantic import ValidationError

from backends.base import CostIncurred, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.links.download import FetchLimits
from backends.local.video_cli import VideoCli
from backends.rendering.base import Renderer, RenderRequest, RenderResult
from backends.rendering.budget import BudgetExceeded, MonthlyBudget
from backends.rendering.video_info import probe_video
from backends.shotstack.alpha_check import (
    LUMA_FORMATS,
    TRIAL_SECONDS,
    AlphaCheck,
    Verdict,
    cut_trial,
    download_trial,
    judge_trial,
)
from backends.shotstack.assets import OverlayParts, PartFormat, render_parts, upload_parts
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
from backends.shotstack.render_log import RenderTracking, compute_intent_id
from backends.shotstack.timeline import FRAME_RATES, TooManyLoops, build_edit, find_nearest_rate
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
from video_editing.contract.sound import DEFAULT_SOUND

log = logging.getLogger(__name__)

MAX_SANDBOX_SECONDS = 600  #: of a result in the sandbox
REFUSED_KEY_SECONDS = 300  #: without requests after the key was refused
CLEANUP_SECONDS = 15  #: for the deletion of uploads; a later render deletes the rest
CANCELLED_CLEANUP_SECONDS = 1.5  #: the same after a cancellation, whose caller waits
LEFTOVER_SECONDS = 3 * 3600  #: after which no render needs its uploads any more
REQUEST_FILE = "asked.json"  #: in the working folder of a render; older versions read it


class ShotstackRenderer(Renderer):
    """Renders videos at Shotstack; after a restart it continues with the render in progress."""

    name = "shotstack"

    def __init__(
        self,
        settings: RenderingSettings,
        folder: Path,
        video_cli: VideoCli,
        budget: MonthlyBudget,
        tracking: RenderTracking,
        timeouts: ShotstackTimeouts | None = None,
    ) -> None:
        """Render in the account of *settings*.

        Args:
            settings: with the account and its prices.
            folder: of the state files.
            video_cli: makes parts and probes videos, in child processes.
            budget: of paid renders.
            tracking: the log of renders, and where callbacks go.
            timeouts: of requests.
        """
        self.settings, self.video_cli, self.budget = settings, video_cli, budget
        self.render_log, self.callback_url = tracking.render_log, tracking.callback_url
        self.timeouts = timeouts or ShotstackTimeouts()
        self.alpha_check = AlphaCheck(folder, settings)
        self._request_log = JsonStateFile(folder / "requests.json", RequestLog)
        self._suspended_until = 0.0  # on the monotonic clock; no requests before

    def can_render(self, request: RenderRequest) -> bool:
        """Return whether the result is a plain video; the others need size limits or alpha.

        The timeline has one loudness for the sound of backgrounds. After a check that failed,
        nothing is rendered.
        """
        is_plain = request.form is OutputFormat.VIDEO
        has_usual_sound = request.sound.background_sound is DEFAULT_SOUND.background_sound
        return is_plain and has_usual_sound and not self.alpha_check.is_disabled

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
        """Open a client; all clients share the rate limits."""
        return open_shotstack_client(self.settings, self._request_log, self.timeouts)

    @property
    def has_free_trials(self) -> bool:
        """Whether the sandbox is available to compare a frame."""
        settings = self.settings
        return settings.stage == "stage" or bool(settings.sandbox_key.get_secret_value())

    def open_trial_client(self) -> AbstractAsyncContextManager[ShotstackClient]:
        """Open a client of the sandbox, or of production where there is no key for the sandbox."""
        settings = self.settings
        if settings.sandbox_key.get_secret_value():
            sandbox = {"stage": "stage", "api_key": settings.sandbox_key}
            settings = settings.model_copy(update=sandbox)
        return open_shotstack_client(settings, self._request_log, self.timeouts)

    @property
    def result_download(self) -> ResultDownload:
        """What downloads and checks the results."""
        return ResultDownload(
            self.video_cli, self.name, self.settings.api_url, self.timeouts.retry_wait
        )

    def compute_price(self, seconds: float) -> float:
        """Return the price in dollars of a result of *seconds*."""
        return 0 if self.settings.stage == "stage" else seconds / 60 * self.settings.price

    def reserve_budget(self, intent: str, seconds: float) -> None:
        """Book the price of a result of *seconds* for *intent*.

        Raises:
            BackendUnavailable: the result is too long for the sandbox, or the budget is spent.
        """
        if self.settings.stage == "stage" and seconds > MAX_SANDBOX_SECONDS:
            detail = f"the sandbox takes at most {MAX_SANDBOX_SECONDS} s"
            raise BackendUnavailable(self.name, FailureKind.NOT_CONFIGURED, detail)
        try:
            self.budget.reserve(intent, self.compute_price(seconds))
        except BudgetExceeded as err:
            raise BackendUnavailable(
                self.name, FailureKind.COOLING_DOWN, "the budget of the month is spent"
            ) from err

    def release_if_unbilled(self, intent: str, err: BaseException) -> bool:
        """Release the booking of *intent* if *err* shows that nothing is billed; return whether."""
        is_free = isinstance(err, ShotstackFailed) or self.render_log.get(intent).posted is None
        if is_free:
            self.budget.release(intent)
        return is_free

    async def clean_up(self, client: ShotstackClient, intent: str) -> None:
        """Delete the uploads of *intent*, and those that earlier intents left.

        What cannot be deleted in time is deleted after a later render.
        """
        task = asyncio.current_task()
        is_cancelling = task is not None and task.cancelling() > 0
        try:
            async with asyncio.timeout(
                CANCELLED_CLEANUP_SECONDS if is_cancelling else CLEANUP_SECONDS
            ):
                leftover = self.render_log.find_leftover_sources(
                    get_steady_time() - LEFTOVER_SECONDS
                )
                await delete_sources(client, self.render_log, [intent, *leftover])
        except (ShotstackError, TimeoutError) as err:
            log.warning("sources at %s are not deleted yet: %s", self.name, err)


class _RenderRun:
    """The rendering of one result."""

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
        started = time.monotonic()
        renderer, render_log = self._renderer, self._renderer.render_log
        dollars = 0.0
        try:
            expected = self._load_expected() or await self._prepare()
            dollars = renderer.compute_price(expected.seconds)
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
                dollars = 0
            raise
        finally:
            await renderer.clean_up(self._client, self._intent)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._report(CostIncurred(renderer.name, time.monotonic() - started, dollars))
        return RenderResult(
            renderer.name, expected.width, expected.height, expected.seconds, dollars
        )

    def _load_expected(self) -> ExpectedResult | None:
        """Return what an earlier process requested or was about to request, or None."""
        try:
            return ExpectedResult.model_validate_json((self._folder / REQUEST_FILE).read_bytes())
        except (OSError, ValidationError):
            return None

    async def _prepare(self) -> ExpectedResult:
        """Make the parts, upload them, and store the edit to request."""
        renderer = self._renderer
        clip = await probe_video(renderer.video_cli, renderer.name, self._request.clip)
        rate = find_nearest_rate(clip.rate)
        renderer.reserve_budget(self._intent, clip.seconds)
        check = renderer.alpha_check
        parts, expected = await self._upload(rate, check.alpha_format)
        if check.is_due:
            parts, expected = await self._check_alpha(rate, parts, expected)
        with atomic_write(self._folder / REQUEST_FILE) as path, translate_output_errors():
            path.write_text(expected.model_dump_json())
        return expected

    async def _upload(self, rate: float, alpha_format: str) -> tuple[OverlayParts, ExpectedResult]:
        """Make the parts with that kind of alpha, and upload them."""
        renderer = self._renderer
        parts = await render_parts(
            renderer.video_cli,
            renderer.name,
            self._request,
            self._folder,
            PartFormat(FRAME_RATES[rate], alpha_format),
            self._report,
        )
        overlays, background = await upload_parts(self._client, [parts], self._record_source)
        output = parts.create_output_spec(rate)
        try:
            body = build_edit(overlays, background, output)
        except TooManyLoops as err:
            raise BackendUnavailable(
                renderer.name, FailureKind.INVALID_RESPONSE, "the background video is too short"
            ) from err
        sound = parts.sound or background.has_sound
        return parts, expect_result(body, output, parts.expected, sound=sound)

    async def _check_alpha(
        self, rate: float, parts: OverlayParts, expected: ExpectedResult
    ) -> tuple[OverlayParts, ExpectedResult]:
        """Compare one frame; where it is inverted, make the parts again, and compare that one.

        Raises:
            BackendUnavailable: WRONG_PICTURE, it looks right neither way; from now on the renderer
                is disabled.
        """
        check = self._renderer.alpha_check
        alpha_format = check.alpha_format
        verdict = await self._try_alpha(alpha_format, parts, expected)
        if verdict is Verdict.INVERTED and alpha_format in LUMA_FORMATS:
            alpha_format = LUMA_FORMATS[alpha_format]
            parts, expected = await self._upload(rate, alpha_format)
            verdict = await self._try_alpha(alpha_format, parts, expected)
        if verdict is Verdict.RIGHT:
            check.record(alpha_format)
        elif verdict is not Verdict.UNDECIDED:
            check.record(None)
            raise BackendUnavailable(
                self._renderer.name, FailureKind.WRONG_PICTURE, f"a trial is {verdict}"
            )
        return parts, expected

    async def _try_alpha(
        self, alpha_format: str, parts: OverlayParts, expected: ExpectedResult
    ) -> Verdict:
        """Render a second around the reference, and return what its frame shows."""
        renderer, intent = self._renderer, f"{self._intent}-{alpha_format}"
        trial, seconds = cut_trial(expected.edit, parts)
        path = self._folder / "trial.mp4"
        if not renderer.has_free_trials:
            renderer.reserve_budget(intent, TRIAL_SECONDS)
        try:
            async with renderer.open_trial_client() as client:
                state = await render_edit(client, renderer.render_log, intent, trial)
        except BaseException as err:
            renderer.release_if_unbilled(intent, err)
            raise
        await download_trial(state.url or "", path, renderer.settings.api_url)
        return await judge_trial(renderer.video_cli, renderer.name, path, parts, seconds)

    def _record_source(self, source: str) -> None:
        self._renderer.render_log.add_source(self._intent, source)

    async def _download_result(self, link: str, expected: ExpectedResult) -> None:
        path = self._folder / "result.mp4"
        max_bytes = self._request.max_bytes
        limits = FetchLimits() if max_bytes is None else FetchLimits(max_bytes)
        with translate_output_errors():
            self._folder.mkdir(parents=True, exist_ok=True)
        try:
            await self._renderer.result_download.download(
                link, path, expected, limits, self._request.thumbnail
            )
        except BackendUnavailable as failure:
            if failure.kind is FailureKind.WRONG_PICTURE:
                self._renderer.alpha_check.forget()
            raise
        with translate_output_errors():
            path.replace(self._result)


def translate_error(name: str, err: ShotstackError) -> BackendUnavailable:
    """Return the failure of the renderer *name* that *err* means."""
    match err:
        case ShotstackRefused():
            return BackendUnavailable(name, FailureKind.REFUSED, str(err))
        case ShotstackRateLimited(retry_after=seconds):
            return BackendUnavailable(name, FailureKind.BUSY, str(err), retry_after=seconds)
        case ShotstackUnavailable() | OutcomeUnknown():
            return BackendUnavailable(name, FailureKind.UNREACHABLE, str(err))
        case _:
            return BackendUnavailable(name, FailureKind.BROKEN, str(err))
