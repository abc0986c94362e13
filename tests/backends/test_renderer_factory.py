"""Which renderer is asked, and what follows when it cannot."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from backends.base import BackendStarted, CostIncurred, FellBack, Report
from backends.errors import AllBackendsFailed, BackendUnavailable, FailureKind
from backends.renderer_factory import create_renderer
from backends.rendering.base import Renderer, RenderRequest, RenderResult
from backends.rendering.fallback import FallbackRenderer
from settings import RenderingSettings, Settings, StorageSettings
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.shotstack_renderer import KEEP_BACKGROUND
from tests.support.paths import ROOT
from video_editing.contract.errors import Cancelled, InputRejected, OutputFailed, RejectReason
from video_editing.contract.formats import OutputFormat

SCENE = RenderRequest(Path("clip.mp4"), None, "teal", KEEP_BACKGROUND)
RESULT = Path("result.mp4")


class ScriptedRenderer(Renderer):
    """Does as it is told, and says that it cost a dollar."""

    def __init__(
        self, name: str, end: BaseException | None = None, forms: tuple[OutputFormat, ...] = ()
    ) -> None:
        self.name = name
        self._end, self._forms = end, forms or tuple(OutputFormat)

    def can_render(self, request: RenderRequest) -> bool:
        """Only some forms."""
        return request.form in self._forms

    async def render(self, scene: RenderRequest, result: Path, report: Report) -> RenderResult:  # noqa: ARG002
        """End as told."""
        report(CostIncurred(self.name, 1, 1))
        if self._end:
            raise self._end
        return RenderResult(self.name, 2, 2, 1, 1)


async def test_the_next_one_goes_on(heard: EventRecorder) -> None:
    """Who is asked and why another lost it is told; what was paid in vain is in the bill."""
    failures: list[BackendUnavailable] = []
    lost = ScriptedRenderer("a", BackendUnavailable("a", FailureKind.BUSY, "later"))
    chain = FallbackRenderer([lost, ScriptedRenderer("b")], failures.append)
    made = await chain.render(SCENE, RESULT, heard)
    assert (made.renderer, made.dollars) == ("b", 2)
    assert heard.events == [
        BackendStarted("a"),
        FellBack("a", FailureKind.BUSY, "later"),
        BackendStarted("b"),
    ]
    assert [failure.backend for failure in failures] == ["a"]


async def test_who_cannot_is_not_asked(heard: EventRecorder) -> None:
    """That is no fall-back."""
    chain = FallbackRenderer(
        [ScriptedRenderer("a", forms=(OutputFormat.VIDEO,)), ScriptedRenderer("b")]
    )
    scene = RenderRequest(Path("clip.mp4"), None, "teal", KEEP_BACKGROUND, OutputFormat.NOTE)
    assert (await chain.render(scene, RESULT, heard)).renderer == "b"
    assert heard.events == [BackendStarted("b")]


async def test_what_a_cancelled_one_spent_is_told(heard: EventRecorder) -> None:
    """It is in no bill otherwise; what others spent before it is told as well."""
    lost = ScriptedRenderer("a", BackendUnavailable("a", FailureKind.BUSY, "later"))
    chain = FallbackRenderer([lost, ScriptedRenderer("b", asyncio.CancelledError())])
    with pytest.raises(asyncio.CancelledError):
        await chain.render(SCENE, RESULT, heard)
    assert heard.of(CostIncurred) == [CostIncurred("a", 1, 1), CostIncurred("b", 1, 1)]


async def test_when_all_failed_each_reason_is_kept(heard: EventRecorder) -> None:
    """In the order of asking."""
    ends = [
        BackendUnavailable(name, why)
        for name, why in (("a", FailureKind.BUSY), ("b", FailureKind.NO_MEMORY))
    ]
    chain = FallbackRenderer([ScriptedRenderer(end.backend, end) for end in ends])
    with pytest.raises(AllBackendsFailed) as caught:
        await chain.render(SCENE, RESULT, heard)
    assert list(caught.value.exceptions) == ends


@pytest.mark.parametrize(
    "end",
    [InputRejected(RejectReason.CORRUPT), OutputFailed("full"), Cancelled(15), ValueError("a bug")],
)
async def test_what_is_not_the_renderers_fault_passes(heard: EventRecorder, end: Exception) -> None:
    """Nobody else is asked."""
    with pytest.raises(type(end)):
        await FallbackRenderer([ScriptedRenderer("a", end), ScriptedRenderer("b")]).render(
            SCENE, RESULT, heard
        )
    assert heard.events == [BackendStarted("a")]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "local"),
        ({"api_key": "k"}, "local"),
        ({"renderer": "shotstack"}, "local"),
        ({"renderer": "shotstack", "api_key": "k"}, "chain"),
    ],
)
def test_the_settings_name_the_renderer(tmp_path: Path, changes: dict[str, str], name: str) -> None:
    """Local unless Shotstack is asked for and has a key; never without this machine behind it."""
    settings = Settings(
        rendering=RenderingSettings(_env_file=None, **changes),
        storage=StorageSettings(_env_file=None, folder=tmp_path),
    )
    chosen = create_renderer(settings)
    assert chosen.name == name
    assert chosen.can_render(
        RenderRequest(Path("clip.mp4"), None, "teal", KEEP_BACKGROUND, OutputFormat.STICKER)
    )


def test_nothing_native_comes_with_them() -> None:
    """The process of the bot decodes nothing."""
    code = (
        "import sys, backends.renderer_factory, backends.shotstack.pipeline\n"
        "print(sorted({'numpy', 'cv2', 'av', 'PIL', 'onnxruntime'} & sys.modules.keys()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
