"""Shotstack as a renderer: parts go there, a result comes back, and nothing of ours stays."""

import asyncio
import logging
import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from backends.base import Report, Spent
from backends.errors import BackendUnavailable, Why
from backends.links.download import FetchLimits
from backends.local.process import Limits
from backends.local.video_cli import COMMAND, Command
from backends.rendering.base import Rendered, Renderer, Scene
from backends.rendering.budget import Money, MoneySpent
from backends.shotstack.assets import brought, measured, parted
from backends.shotstack.client import Shotstack
from backends.shotstack.errors import (
    OutcomeUnknown,
    ShotstackAway,
    ShotstackBusy,
    ShotstackError,
    ShotstackFailed,
    ShotstackRefused,
)
from backends.shotstack.rate_limiter import Pace, Seen, steady_time
from backends.shotstack.render_job import rendered
from backends.shotstack.render_log import Intents
from backends.shotstack.timeline import RATES, TooManyTurns, edit
from backends.shotstack.transfer import AskedFor, Taking, asked_for, client, delete
from backends.state_file import Shelf
from settings import Rendering
from video_editing.contract.atomic_file import output_errors, whole
from video_editing.contract.formats import Form

log = logging.getLogger(__name__)

SANDBOX_SECONDS = 600  #: of the longest render in the sandbox
REST = 300  #: seconds for which nobody asks, where the key is refused
TIDY_SECONDS = 15  #: for the deletion of what was uploaded; what is left is deleted later
HURRIED_SECONDS = 1.5  #: the same, where somebody waits for us to stop
LEFT_SECONDS = 3 * 3600  #: after which what is left is nobody's
ASKED = "asked.json"  #: in the folder of the work


class ShotstackRenderer(Renderer):
    """Makes videos; a restart of the same work goes on with the render that was asked for."""

    name = "shotstack"

    def __init__(
        self,
        settings: Rendering,
        folder: Path,
        limits: Limits,
        money: Money,
        program: Sequence[str] = COMMAND,
        *,
        intents: Intents | None = None,
        callback: str | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Know the account.

        Args:
            settings: whose it is.
            folder: where it is kept what was asked for.
            limits: of each child.
            money: what may be spent.
            program: what to run in place of the command line of video_editing.
            intents: what was asked for, shared with who hears callbacks.
            callback: the address at which they are heard, with its secret.
            pace: how long to wait.
        """
        self.settings, self.money, self.callback = settings, money, callback
        self.intents = intents or Intents(folder / "renders.json")
        self.command = Command(self.name, limits, program)
        self.pace = pace or Pace()
        self._seen = Shelf(folder / "requests.json", Seen)
        self._rested = 0.0  # the monotonic clock's time before which nobody asks

    def can(self, scene: Scene) -> bool:
        """Only plain videos; the other forms are Telegram's, or have alpha."""
        return scene.form is Form.VIDEO

    async def render(self, scene: Scene, result: Path, report: Report) -> Rendered:
        """See :class:`Renderer`."""
        if time.monotonic() < self._rested:
            raise BackendUnavailable(self.name, Why.RESTING, "the key was refused")
        try:
            async with self.client() as client:
                return await _Work(self, client, scene, result, report).run()
        except ShotstackError as err:
            failure = unavailable(self.name, err)
            if failure.why is Why.REFUSED:
                self._rested = time.monotonic() + REST
            raise failure from err

    def client(self) -> AbstractAsyncContextManager[Shotstack]:
        """Open a client; all of them keep the limits together."""
        return client(self.settings, self._seen, self.pace)

    @property
    def taking(self) -> Taking:
        """How its results are taken."""
        return Taking(self.command, self.name, self.settings.address, self.pace.pause)

    def dollars(self, seconds: float) -> float:
        """What a result of *seconds* costs."""
        return 0 if self.settings.stage == "stage" else seconds / 60 * self.settings.price

    def allow(self, intent: str, seconds: float) -> None:
        """Book what a result of *seconds* costs.

        Raises:
            BackendUnavailable: the plan or the budget has no room for it.
        """
        if self.settings.stage == "stage" and seconds > SANDBOX_SECONDS:
            why = f"the sandbox takes {SANDBOX_SECONDS} s"
            raise BackendUnavailable(self.name, Why.NOT_CONFIGURED, why)
        try:
            self.money.book(intent, self.dollars(seconds))
        except MoneySpent as err:
            raise BackendUnavailable(self.name, Why.RESTING, "the month's money is spent") from err

    def unbilled(self, intent: str, err: BaseException) -> bool:
        """Whether work that ended with *err* is surely not billed; its booking is taken back."""
        free = isinstance(err, ShotstackFailed) or self.intents.get(intent).posted is None
        if free:
            self.money.take_back(intent)
        return free

    async def tidy(self, client: Shotstack, intent: str) -> None:
        """Have Shotstack keep no longer what was uploaded for *intent*, nor what is left of others.

        What cannot be deleted soon is deleted after another render.
        """
        task = asyncio.current_task()
        hurried = task is not None and task.cancelling() > 0
        try:
            async with asyncio.timeout(HURRIED_SECONDS if hurried else TIDY_SECONDS):
                left = self.intents.left_behind(steady_time() - LEFT_SECONDS)
                await delete(client, self.intents, [intent, *left])
        except (ShotstackError, TimeoutError) as err:
            log.warning("sources stay at %s for now: %s", self.name, err)


class _Work:
    """One result."""

    def __init__(
        self,
        place: ShotstackRenderer,
        client: Shotstack,
        scene: Scene,
        result: Path,
        report: Report,
    ) -> None:
        self._place, self._client = place, client
        self._scene, self._result, self._report = scene, result, report
        self._folder = result.with_name(f".{result.stem}.shotstack")
        self._intent = sha256(f"{result.absolute()} {scene}".encode()).hexdigest()[:32]

    async def run(self) -> Rendered:
        began = time.monotonic()
        place, intents = self._place, self._place.intents
        bill = 0.0
        try:
            asked = self._kept() or await self._asked()
            bill = place.dollars(asked.seconds)
            state = await rendered(
                self._client, intents, self._intent, asked.edit, callback=place.callback
            )
            await self._take(state.url or "", asked)
        except BaseException as err:
            if place.unbilled(self._intent, err):
                bill = 0
            raise
        finally:
            await place.tidy(self._client, self._intent)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._report(Spent(place.name, time.monotonic() - began, bill))
        return Rendered(place.name, asked.width, asked.height, asked.seconds, bill)

    def _kept(self) -> AskedFor | None:
        """What an earlier process of ours asked for, or was about to."""
        try:
            return AskedFor.model_validate_json((self._folder / ASKED).read_bytes())
        except (OSError, ValidationError):
            return None

    async def _asked(self) -> AskedFor:
        """Make the parts, bring them there, and put down what is to be asked for."""
        place, settings = self._place, self._place.settings
        clip = await measured(place.command, place.name, self._scene.clip)
        place.allow(self._intent, clip.seconds)
        parts = await parted(
            place.command,
            place.name,
            self._scene,
            self._folder,
            RATES[clip.name],
            settings.alpha,
            self._report,
        )
        overlays, backdrop = await brought(self._client, [parts], self._brought)
        output = parts.output(clip.name)
        try:
            body = edit(overlays, backdrop, output)
        except TooManyTurns as err:
            raise BackendUnavailable(place.name, Why.GARBAGE, "the film is too short") from err
        asked = asked_for(body, output, sound=parts.sound or backdrop.sound)
        with whole(self._folder / ASKED) as path, output_errors():
            path.write_text(asked.model_dump_json())
        return asked

    def _brought(self, source: str) -> None:
        self._place.intents.brought(self._intent, source)

    async def _take(self, link: str, asked: AskedFor) -> None:
        path = self._folder / "result.mp4"
        limits = (
            FetchLimits() if self._scene.max_bytes is None else FetchLimits(self._scene.max_bytes)
        )
        with output_errors():
            self._folder.mkdir(parents=True, exist_ok=True)
        await self._place.taking.take(link, path, asked, limits, self._scene.thumbnail)
        with output_errors():
            path.replace(self._result)


def unavailable(name: str, err: ShotstackError) -> BackendUnavailable:
    """What to do about *err*: ask another, and tell whom it concerns."""
    match err:
        case ShotstackRefused():
            return BackendUnavailable(name, Why.REFUSED, str(err))
        case ShotstackBusy(retry_after=seconds):
            return BackendUnavailable(name, Why.BUSY, str(err), retry_after=seconds)
        case ShotstackAway() | OutcomeUnknown():
            return BackendUnavailable(name, Why.UNREACHABLE, str(err))
        case _:
            return BackendUnavailable(name, Why.BROKEN, str(err))
