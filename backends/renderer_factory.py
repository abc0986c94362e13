"""Renderers in the order of asking, as the settings have them."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from backends.base import Asked, Event, FellBack, Report, Spent
from backends.errors import AllBackendsFailed, BackendUnavailable, Why
from backends.local.process import Limits
from backends.local.video_cli import COMMAND
from backends.rendering.base import LocalRenderer, Rendered, Renderer, Scene
from backends.rendering.budget import Alarm, Money
from backends.shotstack.rate_limiter import Pace
from backends.shotstack.render_log import Intents
from backends.shotstack.renderer import ShotstackRenderer
from settings import Settings

log = logging.getLogger(__name__)

#: told of each renderer that failed, for admins
Heard = Callable[[BackendUnavailable], None]


def unheard(_: BackendUnavailable) -> None:
    """Nobody is told."""


def unalarmed(_spent: float, _budget: float) -> None:
    """Nobody is told."""


class RendererChain(Renderer):
    """The first renderer that can; what was paid in vain before is in what it cost."""

    name = "chain"

    def __init__(self, renderers: Sequence[Renderer], heard: Heard = unheard) -> None:
        """Chain *renderers*, best first; *heard* is told of those that fail."""
        self._renderers = tuple(renderers)
        self._heard = heard

    def can(self, scene: Scene) -> bool:
        """See :class:`Renderer`."""
        return any(renderer.can(scene) for renderer in self._renderers)

    async def render(self, scene: Scene, result: Path, report: Report) -> Rendered:
        """See :class:`Renderer`."""
        failures = []
        spent, vain = _Spending(report), 0.0
        for renderer in self._renderers:
            if not renderer.can(scene):
                continue
            report(Asked(renderer.name))
            try:
                rendered = await renderer.render(scene, result, spent)
            except BackendUnavailable as failure:
                failures.append(failure)
                vain = spent.dollars
                self._heard(failure)
                report(FellBack(renderer.name, failure.why, failure.detail))
            except asyncio.CancelledError:  # nobody will hear of it in the result
                spent.tell()
                raise
            else:
                return replace(rendered, dollars=rendered.dollars + vain)
        raise AllBackendsFailed(f"nobody left in {self.name}", failures)


class _Spending:
    """Passes events on but for what was spent, which it holds back and adds up."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._held: list[Spent] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Spent):
            self._held.append(event)
        else:
            self._report(event)

    @property
    def dollars(self) -> float:
        return sum(spent.dollars for spent in self._held)

    def tell(self) -> None:
        """Pass on what was held back."""
        for spent in self._held:
            self._report(spent)


def renderer(
    settings: Settings,
    *,
    program: Sequence[str] = COMMAND,
    intents: Intents | None = None,
    callback: str | None = None,
    heard: Heard = unheard,
    alarm: Alarm = unalarmed,
    pace: Pace | None = None,
) -> Renderer:
    """The renderer that RENDERER names; this machine is behind all others.

    Args:
        settings: of everything.
        program: what to run in place of the command line of video_editing.
        intents: made by :func:`intents_of`, and shared with who hears Shotstack's callbacks.
        callback: the address at which those are heard, with its secret; without one Shotstack is
            asked again and again.
        heard: told of each renderer that fails.
        alarm: sounded once in a month whose budget is reached.
        pace: how long to wait for Shotstack.
    """
    local = LocalRenderer(limits_of(settings), program)
    if settings.rendering.renderer == "local":
        return local
    try:
        elsewhere = shotstack(
            settings, program=program, intents=intents, callback=callback, alarm=alarm, pace=pace
        )
    except BackendUnavailable as failure:
        log.warning("left out: %s", failure)
        return local
    return RendererChain([elsewhere, local], heard)


def shotstack(
    settings: Settings,
    *,
    program: Sequence[str] = COMMAND,
    intents: Intents | None = None,
    callback: str | None = None,
    alarm: Alarm = unalarmed,
    pace: Pace | None = None,
) -> ShotstackRenderer:
    """Shotstack alone; the parameters are those of :func:`renderer`.

    Raises:
        BackendUnavailable: there is no key.
    """
    if not settings.rendering.key.get_secret_value():
        why = "SHOTSTACK_API_KEY is not set"
        raise BackendUnavailable(ShotstackRenderer.name, Why.NOT_CONFIGURED, why)
    return ShotstackRenderer(
        settings.rendering,
        settings.storage.folder,
        limits_of(settings),
        money_of(settings, alarm),
        program,
        intents=intents or intents_of(settings),
        callback=callback,
        pace=pace,
    )


def limits_of(settings: Settings) -> Limits:
    """What each child may take."""
    local = settings.local
    return Limits(local.seconds, local.patience, local.memory_mb * 1_000_000)


def intents_of(settings: Settings) -> Intents:
    """What Shotstack was asked for; one object for all that a process does with it."""
    return Intents(settings.storage.folder / "renders.json")


def money_of(settings: Settings, alarm: Alarm = unalarmed) -> Money:
    """What renders cost, this month and before."""
    return Money(settings.storage.folder / "money.json", settings.rendering.budget, alarm)
