"""Which renderer is used, and what follows if it fails."""

import asyncio
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from backends.base import BackendStarted, CostIncurred, FellBack, Report
from backends.errors import AllBackendsFailed, BackendUnavailable, FailureKind
from backends.renderer_factory import create_renderer, create_service_renderers
from backends.rendering.base import SERVICE_FILE, Renderer, RenderRequest, RenderResult
from backends.rendering.fallback import FallbackRenderer
from backends.rendering.speed import RenderSpeeds
from backends.resilience.fallback import LoadBalancer
from settings import (
    BackendSettings,
    RemoteSettings,
    RenderingSettings,
    Settings,
    StorageSettings,
)
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.shotstack_renderer import KEEP_BACKGROUND
from tests.support.paths import ROOT
from video_editing.contract.errors import Cancelled, InputRejected, OutputFailed, RejectReason
from video_editing.contract.formats import OutputFormat

SCENE = RenderRequest(Path("clip.mp4"), None, "teal", KEEP_BACKGROUND)
RESULT = Path("result.mp4")


class ScriptedRenderer(Renderer):
    """Ends as given, and reports that it cost a dollar."""

    def __init__(
        self, name: str, end: BaseException | None = None, forms: tuple[OutputFormat, ...] = ()
    ) -> None:
        self.name = name
        self._end, self._forms = end, forms or tuple(OutputFormat)

    def can_render(self, request: RenderRequest) -> bool:
        """Return whether the format is one of those given."""
        return request.form in self._forms

    async def render(self, scene: RenderRequest, result: Path, report: Report) -> RenderResult:  # noqa: ARG002 - the interface has them
        """End as given."""
        report(CostIncurred(self.name, 1, 1))
        if self._end:
            raise self._end
        return RenderResult(self.name, 2, 2, 1, 1)


async def test_the_next_renderer_is_tried(heard: EventRecorder) -> None:
    """Events name the renderers and the failure; the cost includes that of the failed one."""
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


async def test_a_renderer_that_does_not_support_the_format_is_skipped(heard: EventRecorder) -> None:
    """A skipped renderer is not reported as a fallback."""
    chain = FallbackRenderer(
        [ScriptedRenderer("a", forms=(OutputFormat.VIDEO,)), ScriptedRenderer("b")]
    )
    scene = RenderRequest(Path("clip.mp4"), None, "teal", KEEP_BACKGROUND, OutputFormat.NOTE)
    assert (await chain.render(scene, RESULT, heard)).renderer == "b"
    assert heard.events == [BackendStarted("b")]


async def test_the_cost_of_a_cancelled_renderer_is_reported(heard: EventRecorder) -> None:
    """No result contains its cost; the cost of the renderers before it is reported as well."""
    lost = ScriptedRenderer("a", BackendUnavailable("a", FailureKind.BUSY, "later"))
    chain = FallbackRenderer([lost, ScriptedRenderer("b", asyncio.CancelledError())])
    with pytest.raises(asyncio.CancelledError):
        await chain.render(SCENE, RESULT, heard)
    assert heard.of(CostIncurred) == [CostIncurred("a", 1, 1), CostIncurred("b", 1, 1)]


async def test_if_all_failed_each_failure_is_in_the_group(heard: EventRecorder) -> None:
    """In the order of trying."""
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
async def test_other_exceptions_propagate(heard: EventRecorder, end: Exception) -> None:
    """No other renderer is tried."""
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
        ({"renderer": "service"}, "local"),
        ({"renderer": "auto", "api_key": "k", "monthly_budget": 5}, "local"),
        ({"renderer": "auto", "api_key": "k", "stage": "v1"}, "local"),
        ({"renderer": "auto", "api_key": "k", "stage": "v1", "monthly_budget": 5}, "chain"),
    ],
)
def test_the_settings_name_the_renderer(tmp_path: Path, changes: dict[str, str], name: str) -> None:
    """Local, unless another is set and configured; always with the local one as a fallback.

    With auto, Shotstack is asked only where there is a budget for its production.
    """
    chosen = create_renderer(create_settings(tmp_path, **changes))
    assert chosen.name == name
    assert chosen.can_render(
        RenderRequest(Path("clip.mp4"), None, "teal", KEEP_BACKGROUND, OutputFormat.STICKER)
    )


def create_settings(folder: Path, names: str = "local-cpu", **rendering: object) -> Settings:
    return Settings(
        backends=BackendSettings(_env_file=None, names=names),
        remote=RemoteSettings(_env_file=None),
        rendering=RenderingSettings(_env_file=None, **rendering),
        storage=StorageSettings(_env_file=None, folder=folder),
    )


@pytest.mark.parametrize("renderer", ["service", "auto"])
def test_each_service_that_makes_mattes_can_render(tmp_path: Path, renderer: str) -> None:
    """In the order of OVERLAY_BACKENDS; modal is left out without an address."""
    names = "modal,[https://b.example.com,https://a.example.com:8443],local-cpu"
    settings = create_settings(tmp_path, names, renderer=renderer)
    assert [service.name for service in create_service_renderers(settings)] == [
        "b.example.com",
        "a.example.com:8443",
    ]
    assert create_renderer(settings).name == "chain"


async def test_auto_asks_the_fastest_first(tmp_path: Path, heard: EventRecorder) -> None:
    """And the others after it, where it fails."""
    speeds = RenderSpeeds(tmp_path / "speeds.json")
    for name, speed in (("a", 1), ("b", 3), ("c", 2)):
        speeds.record(name, speed)
    ends = {"b": BackendUnavailable("b", FailureKind.BUSY)}
    renderers = [ScriptedRenderer(name, ends.get(name)) for name in "abc"]
    chain = FallbackRenderer(renderers, sort=speeds.sort)
    assert (await chain.render(SCENE, RESULT, heard)).renderer == "c"
    assert [event.backend for event in heard.of(BackendStarted)] == ["b", "c"]


async def test_equal_services_share_the_renders(heard: EventRecorder) -> None:
    """The one with the fewest renders is asked first; one that is not equal keeps its place."""
    balancer = LoadBalancer(Counter({"a": 2, "b": 1}), [["a", "b"]])
    renderers = [ScriptedRenderer(name) for name in "abc"]
    chain = FallbackRenderer(renderers, balancer=balancer)
    assert (await chain.render(SCENE, RESULT, heard)).renderer == "b"
    with balancer.count_job("b"), balancer.count_job("b"):
        assert (await chain.render(SCENE, RESULT, heard)).renderer == "a"


async def test_a_service_with_the_clip_is_preferred(tmp_path: Path, heard: EventRecorder) -> None:
    """Among equal ones, even if it has more renders; never before one that comes earlier."""
    balancer = LoadBalancer(Counter({"b": 1, "c": 2}), [["b", "c"]])
    request = replace(SCENE, mattes=tmp_path)
    (tmp_path / SERVICE_FILE).write_text("c")
    for first, name in (([], "c"), ([ScriptedRenderer("a")], "a")):
        renderers = [*first, *(ScriptedRenderer(it) for it in "bc")]
        chain = FallbackRenderer(renderers, balancer=balancer)
        assert (await chain.render(request, RESULT, heard)).renderer == name


def test_no_native_library_is_imported() -> None:
    """The bot's process imports no decoder and no model."""
    code = (
        "import sys, backends.renderer_factory, backends.shotstack.pipeline\n"
        "print(sorted({'numpy', 'cv2', 'av', 'PIL', 'onnxruntime'} & sys.modules.keys()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
