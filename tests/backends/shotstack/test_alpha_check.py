"""How Shotstack reads luma mattes is found out with one frame, before anything is delivered."""

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import av
import pytest

from backends.base import FellBack
from backends.errors import BackendUnavailable, FailureKind
from backends.rendering.base import LocalRenderer, RenderRequest, RenderResult
from backends.rendering.fallback import FallbackRenderer
from backends.rendering.video_info import VideoInfo
from backends.shotstack.alpha_check import Verdict, judge
from backends.shotstack.renderer import ShotstackRenderer
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.fake_shotstack import FakeShotstack
from tests.backends.support.shotstack_renderer import KEY, LIMITS, create_shotstack_renderer
from tests.support.person_clips import film_of_eileen
from video_editing.contract.formats import OutputFormat
from video_editing.contract.progress import ignore
from video_editing.contract.style import Shape, Style

SANDBOX_KEY = "another-key"
STYLE = Style(keep_background=True, shape=Shape.CIRCLE, size=0.5)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of Eileen at 24 frames a second."""
    return film_of_eileen(tmp_path_factory.mktemp("film") / "film.mp4", 12, side=160, rate=24)


@pytest.fixture
async def fake() -> AsyncIterator[FakeShotstack]:
    """A fake Shotstack with production and a sandbox."""
    async with FakeShotstack(keys={"v1": KEY, "stage": SANDBOX_KEY}, has_watermark=True) as fake:
        yield fake


class Production:
    """Shotstack's production with this machine as its fallback, and what the operator hears."""

    def __init__(self, fake: FakeShotstack, film: Path, folder: Path, **settings: object) -> None:
        self._fake, self._film, self._folder = fake, film, folder
        self._settings = {"stage": "v1", "sandbox_key": SANDBOX_KEY} | settings
        self.heard, self.failures = EventRecorder(), list[BackendUnavailable]()
        self._count = 0
        self.renderer = self.create_renderer()

    def create_renderer(self) -> ShotstackRenderer:
        """Create the renderer as a process that starts does."""
        return create_shotstack_renderer(
            self._fake.url, self._folder / "data", is_checked=False, **self._settings
        )

    async def render(self) -> RenderResult:
        """Render another video over teal."""
        self._count += 1
        chain = FallbackRenderer([self.renderer, LocalRenderer(LIMITS)], self.failures.append)
        request = RenderRequest(self._film, None, "teal", STYLE)
        return await chain.render(request, self.result, self.heard)

    @property
    def result(self) -> Path:
        """The path of the latest video."""
        return self._folder / f"{self._count}.mp4"

    @property
    def renders(self) -> list[str]:
        """The environment of each render, in order."""
        return [entry.path.split("/")[2] for entry in self._fake.find_requests("render")]

    def look_like_ours(self, reference: Path) -> bool:
        """Return whether the result and the video at *reference* show the same."""
        first, second = (_read_middle(path) for path in (self.result, reference))
        return abs(first - second).mean() < 10


def _read_middle(path: Path):  # noqa: ANN202 - an array
    with av.open(BytesIO(path.read_bytes())) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return frames[len(frames) // 2].astype(float)


@pytest.fixture
async def ours(film: Path, tmp_path: Path) -> Path:
    """The video as this machine renders it."""
    path = tmp_path / "ours" / "result.mp4"
    path.parent.mkdir()
    await LocalRenderer(LIMITS).render(RenderRequest(film, None, "teal", STYLE), path, ignore)
    return path


@pytest.mark.slow
async def test_before_the_first_production_render_the_sandbox_draws_a_second(
    fake: FakeShotstack, film: Path, tmp_path: Path
) -> None:
    """Once per version: the next process and the next video need no check."""
    production = Production(fake, film, tmp_path)
    assert (await production.render()).renderer == "shotstack"
    assert production.renders == ["stage", "v1"]
    trial, _ = fake.renders.values()
    assert trial.edit.seconds <= 1
    production.renderer = production.create_renderer()
    assert (await production.render()).renderer == "shotstack"
    assert production.renders == ["stage", "v1", "v1"]


@pytest.mark.slow
async def test_inverted_mattes_are_corrected(
    fake: FakeShotstack, film: Path, tmp_path: Path, ours: Path
) -> None:
    """The video is delivered right, nobody is alarmed, and the next process knows."""
    fake.luma, fake.has_watermark = "black", False
    production = Production(fake, film, tmp_path)
    assert (await production.render()).renderer == "shotstack"
    assert production.look_like_ours(ours)
    assert production.renders == ["stage", "stage", "v1"]
    assert production.failures == []
    assert fake.files == {}
    check = production.create_renderer().alpha_check
    assert (check.alpha_format, check.is_due) == ("luma-inverted", False)


@pytest.mark.slow
async def test_if_neither_fits_this_machine_renders(
    fake: FakeShotstack, film: Path, tmp_path: Path, ours: Path
) -> None:
    """Admins are alarmed once, nothing is billed, and Shotstack is not asked again."""
    fake.luma, fake.has_watermark = "ignored", False
    production = Production(fake, film, tmp_path)
    assert (await production.render()).renderer == "local"
    assert production.look_like_ours(ours)
    assert [failure.kind for failure in production.failures] == [FailureKind.WRONG_PICTURE]
    assert [event.why for event in production.heard.of(FellBack)] == [FailureKind.WRONG_PICTURE]
    assert set(production.renders) == {"stage"}
    assert production.renderer.budget.get_spent() == 0
    asked = len(fake.requests)
    production.renderer = production.create_renderer()
    assert (await production.render()).renderer == "local"
    assert len(fake.requests) == asked
    assert len(production.failures) == 1


@pytest.mark.slow
async def test_without_a_key_for_the_sandbox_a_second_of_production_is_rendered(
    fake: FakeShotstack, film: Path, tmp_path: Path
) -> None:
    """It is booked."""
    production = Production(fake, film, tmp_path, sandbox_key="", price=60)
    assert (await production.render()).renderer == "shotstack"
    assert production.renders == ["v1", "v1"]
    assert production.renderer.budget.get_spent() == pytest.approx(1 + 0.5)


async def test_another_picture_in_the_result_is_not_delivered(
    fake: FakeShotstack, film: Path, tmp_path: Path, ours: Path
) -> None:
    """It has the right size and length; this machine renders, and the check is repeated."""
    production = Production(fake, film, tmp_path)
    await production.render()
    fake.luma, fake.has_watermark = "black", False
    assert (await production.render()).renderer == "local"
    assert production.look_like_ours(ours)
    assert [failure.kind for failure in production.failures] == [FailureKind.WRONG_PICTURE]
    assert production.renderer.alpha_check.is_due


async def test_a_trial_that_fails_decides_nothing(
    fake: FakeShotstack, film: Path, tmp_path: Path
) -> None:
    """The next video tries again."""
    fake.keys.pop("stage")
    production = Production(fake, film, tmp_path)
    assert (await production.render()).renderer == "local"
    assert not production.renderer.alpha_check.is_disabled
    assert production.renderer.alpha_check.is_due


def test_a_disabled_renderer_takes_no_video(
    fake: FakeShotstack, film: Path, tmp_path: Path
) -> None:
    """Until another version or another setting."""
    production = Production(fake, film, tmp_path)
    production.renderer.alpha_check.record(None)
    request = RenderRequest(film, None, "teal", STYLE, OutputFormat.VIDEO)
    assert not production.create_renderer().can_render(request)
    other = Production(fake, film, tmp_path, alpha_format="mov")
    assert other.renderer.can_render(request)


@pytest.mark.parametrize(
    ("expected", "inverted", "outside", "verdict"),
    [
        (0.01, 0.3, 0.01, Verdict.RIGHT),
        (0.3, 0.01, 0.01, Verdict.INVERTED),
        (0.2, 0.3, 0.01, Verdict.WRONG),
        (0.01, 0.3, 0.2, Verdict.WRONG),
        (0.01, 0.02, 0.01, Verdict.UNDECIDED),
    ],
)
def test_the_nearer_reference_decides(
    expected: float, inverted: float, outside: float, verdict: Verdict
) -> None:
    """Unless both are far, or both would look the same."""
    info = VideoInfo(width=2, height=2, seconds=1, rate=25, sound=False, outside=outside)
    first, second = (info.model_copy(update={"inside": x}) for x in (expected, inverted))
    assert judge(first, second) is verdict
