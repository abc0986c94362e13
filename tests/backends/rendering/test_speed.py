"""Which renderer would finish first."""

import asyncio
from pathlib import Path

import pytest

from backends.base import Report
from backends.errors import BackendUnavailable, FailureKind
from backends.rendering.base import Renderer, RenderRequest, RenderResult
from backends.rendering.speed import VALID_SECONDS, MeasuredRenderer, RenderSpeeds
from tests.backends.support.shotstack_renderer import KEEP_BACKGROUND
from video_editing.contract.progress import ignore

REQUEST = RenderRequest(Path("clip.mp4"), None, "teal", KEEP_BACKGROUND)


class SlowRenderer(Renderer):
    """Takes a number of seconds for a result of 100 × 100 pixels and a second."""

    def __init__(self, name: str, seconds: float) -> None:
        self.name, self._seconds = name, seconds

    async def render(self, request: RenderRequest, result: Path, report: Report) -> RenderResult:  # noqa: ARG002 - the interface has them
        """Wait."""
        await asyncio.sleep(self._seconds)
        return RenderResult(self.name, 100, 100, 1)


class FailingRenderer(SlowRenderer):
    """Fails at once."""

    async def render(self, *_: object) -> RenderResult:
        """Fail."""
        raise BackendUnavailable(self.name, FailureKind.BROKEN)


class Clock:
    """A clock that a test sets."""

    now = 1e9

    def __call__(self) -> float:
        """Return the seconds since the epoch."""
        return self.now


def sort(speeds: RenderSpeeds) -> str:
    """Return the order of the renderers a and b."""
    return "".join(r.name for r in speeds.sort([SlowRenderer("a", 0), SlowRenderer("b", 0)]))


def test_the_faster_one_comes_first(tmp_path: Path) -> None:
    """Also after a restart."""
    speeds = RenderSpeeds(tmp_path / "speeds.json")
    speeds.record("a", 1)
    speeds.record("b", 2)
    assert sort(RenderSpeeds(tmp_path / "speeds.json")) == "ba"


def test_renders_in_progress_share_the_speed(tmp_path: Path) -> None:
    """A fast renderer with a long queue finishes later than a slow one without."""
    speeds = RenderSpeeds(tmp_path / "speeds.json")
    speeds.record("a", 1)
    speeds.record("b", 2.5)
    with speeds.count_running("b"):
        assert sort(speeds) == "ba"
        with speeds.count_running("b"):
            assert sort(speeds) == "ab"


def test_what_was_not_measured_lately_is_measured(tmp_path: Path) -> None:
    """By one render, while the others go to renderers whose speed is known."""
    clock = Clock()
    speeds = RenderSpeeds(tmp_path / "speeds.json", clock)
    speeds.record("b", 1)
    speeds.record("a", 2)
    assert sort(speeds) == "ab"
    clock.now += VALID_SECONDS
    speeds.record("a", 2)
    assert sort(speeds) == "ba"
    with speeds.count_running("b"):
        assert sort(speeds) == "ab"


async def test_a_render_is_measured(tmp_path: Path) -> None:
    """From its request to its result; two at the same time count together."""
    speeds = RenderSpeeds(tmp_path / "speeds.json")
    slow = MeasuredRenderer(SlowRenderer("a", 0.8), speeds)
    fast = MeasuredRenderer(SlowRenderer("b", 0.57), speeds)
    await asyncio.gather(*(slow.render(REQUEST, Path("r.mp4"), ignore) for _ in range(2)))
    await fast.render(REQUEST, Path("r.mp4"), ignore)
    assert sort(speeds) == "ab"  # two in 0.8 s are more than one in 0.57 s


async def test_a_failure_says_nothing_about_the_speed(tmp_path: Path) -> None:
    """The chain asks the next one anyway."""
    speeds = RenderSpeeds(tmp_path / "speeds.json")
    speeds.record("a", 1)
    with pytest.raises(BackendUnavailable):
        await MeasuredRenderer(FailingRenderer("b", 0), speeds).render(REQUEST, Path("r"), ignore)
    speeds.record("b", 2)
    assert sort(speeds) == "ba"
