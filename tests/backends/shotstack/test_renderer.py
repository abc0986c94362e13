"""Shotstack with the local renderer as its fallback: there is one video, and at most one bill."""

import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path

import av
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from backends.base import BackendStarted, FellBack
from backends.errors import BackendUnavailable, FailureKind
from backends.rendering.base import LocalRenderer, RenderRequest, RenderResult
from backends.rendering.budget import MonthlyBudget
from backends.rendering.fallback import FallbackRenderer
from backends.shotstack.render_log import CallbackReceiver
from backends.shotstack.renderer import ShotstackRenderer
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.fake_shotstack import FakeShotstack, RenderOutcome
from tests.backends.support.programs import PROGRAMS
from tests.backends.support.shotstack_renderer import (
    KEEP_BACKGROUND,
    KEY,
    LIMITS,
    SHORT_TIMEOUTS,
    create_shotstack_renderer,
    locate_asset,
)
from tests.support.paths import ROOT
from tests.support.person_clips import film_of_eileen
from video_editing.compositing.composition import Composition
from video_editing.compositing.layout import compute_top_left
from video_editing.contract.errors import OutputFailed
from video_editing.contract.formats import OutputFormat
from video_editing.contract.style import Anchor, Shape, Style
from video_editing.reading.probe import ClipLimits, probe


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of Eileen at 24 frames a second, with a voice."""
    return film_of_eileen(
        tmp_path_factory.mktemp("film") / "film.mp4", 12, side=160, rate=24, tone=440
    )


@pytest.fixture
async def fake() -> AsyncIterator[FakeShotstack]:
    """A fake Shotstack without faults."""
    async with FakeShotstack(keys={"stage": KEY, "v1": KEY}) as fake:
        yield fake


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of the state files."""
    return tmp_path / "data"


class RendererChain:
    """A chain of both renderers, with its events and failures."""

    def __init__(self, first: ShotstackRenderer, film: Path, folder: Path) -> None:
        self.heard, self.failures = EventRecorder(), list[BackendUnavailable]()
        self.result = folder / "result.mp4"
        self._chain = FallbackRenderer([first, LocalRenderer(LIMITS)], self.failures.append)
        self._film = film

    async def render(self, **scene: object) -> RenderResult:
        """Render the video over teal."""
        given = {
            "clip": self._film,
            "mattes": None,
            "background": "teal",
            "style": KEEP_BACKGROUND,
        } | scene
        return await self._chain.render(RenderRequest(**given), self.result, self.heard)


def status(code: int, body: str = "{}") -> Callable[[web.Request], object]:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=body, content_type="application/json")

    return answer


async def test_shotstack_is_tried_first(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path
) -> None:
    """There is one render, a checked result, and no source stays at Shotstack."""
    chain = RendererChain(create_shotstack_renderer(fake.url, data), film, tmp_path)
    rendered = await chain.render()
    assert rendered.renderer == "shotstack"
    assert len(fake.billed_seconds) == 1
    assert fake.files == {}
    assert chain.heard.of(BackendStarted) == [BackendStarted("shotstack")]
    assert probe(chain.result, ClipLimits()).duration == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    "style",
    [
        Style(keep_background=True),
        Style(keep_background=True, shape=Shape.RECT, crop=(0.5, 0.75), position=Anchor.TOP),
        Style(keep_background=True, position=Anchor.TOP_LEFT, size=0.35, shadow=0.5, ring=0.05),
        Style(keep_background=True, shape=Shape.NONE, position=Anchor.CENTER, offset=(0.3, -0.2)),
        Style(keep_background=True, size=2, position=Anchor.BOTTOM_RIGHT),
    ],
    ids=range(5),
)
@pytest.mark.parametrize("alpha", ["luma", "mov"])
@pytest.mark.slow
async def test_the_overlay_has_the_position_of_ours(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path, style: Style, alpha: str
) -> None:
    """Shotstack draws the uploaded overlay where our compositor draws it."""
    fake.override("delete", status(500))  # so that the files can be read
    chain = RendererChain(
        create_shotstack_renderer(fake.url, data, alpha_format=alpha), film, tmp_path
    )
    background = str(ROOT / "docs" / "demo.jpg")
    await chain.render(style=style, background=background)
    (render,) = fake.renders.values()
    canvas = (render.body["output"]["size"]["width"], render.body["output"]["size"]["height"])
    clip = probe(film, ClipLimits())
    layout = Composition(clip, style).compute_layout(canvas)
    left, top = compute_top_left(layout, style, canvas)
    right, bottom = left + layout.size[0], top + layout.size[1]
    seen = max(left, 0), max(top, 0), min(right, canvas[0]), min(bottom, canvas[1])
    for shown in render.body["timeline"]["tracks"][0]["clips"]:
        content = fake.files[shown["asset"]["src"].split("/")[-2]].content or b""
        with av.open(BytesIO(content)) as file:
            size = file.streams.video[0].width, file.streams.video[0].height
        x, y, width, height = locate_asset(shown, size, canvas)
        assert (x, y, x + width, y + height) == pytest.approx(seen, abs=1)


@pytest.mark.parametrize("form", [form for form in OutputFormat if form is not OutputFormat.VIDEO])
async def test_other_formats_are_rendered_locally(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path, form: OutputFormat
) -> None:
    """There is no request to Shotstack, and no report of a fallback."""
    chain = RendererChain(create_shotstack_renderer(fake.url, data), film, tmp_path)
    assert (await chain.render(form=form)).renderer == "local"
    assert not fake.requests
    assert not chain.heard.of(FellBack)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (401, FailureKind.REFUSED),
        (402, FailureKind.REFUSED),
        (403, FailureKind.REFUSED),
        (500, FailureKind.UNREACHABLE),
    ],
)
async def test_after_a_refusal_the_fallback_renders(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path, code: int, why: FailureKind
) -> None:
    """The fallback makes the video after a wrong key, missing credits or a server error."""
    fake.override("upload", status(code))
    chain = RendererChain(create_shotstack_renderer(fake.url, data), film, tmp_path)
    assert (await chain.render()).renderer == "local"
    assert [failure.kind for failure in chain.failures] == [why]
    assert not fake.renders


async def test_a_refused_key_is_not_tried_for_a_while(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path
) -> None:
    """The next job does not make parts."""
    chain = RendererChain(
        create_shotstack_renderer(fake.url, data, api_key="another"), film, tmp_path
    )
    await chain.render()
    asked = len(fake.requests)
    await chain.render()
    assert len(fake.requests) == asked
    assert [failure.kind for failure in chain.failures] == [
        FailureKind.REFUSED,
        FailureKind.COOLING_DOWN,
    ]


async def test_without_credits_the_fallback_renders(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path
) -> None:
    """The render is refused, and the failure says so."""
    fake.credits = 0
    chain = RendererChain(create_shotstack_renderer(fake.url, data), film, tmp_path)
    assert (await chain.render()).renderer == "local"
    assert chain.failures[0].kind is FailureKind.REFUSED
    assert fake.files == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    "fate",
    [
        RenderOutcome(final_status="failed", error="An asset could not be downloaded"),
        RenderOutcome(result="forbidden"),
        RenderOutcome(result="missing"),
        RenderOutcome(result="truncated"),
        RenderOutcome(result="page"),
        RenderOutcome(response="dropped"),
        RenderOutcome(response="garbage"),
        RenderOutcome(response="broken"),
    ],
    ids=str,
)
async def test_after_any_fault_there_is_a_video(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path, fate: RenderOutcome
) -> None:
    """Failed, lost or unusable: the fallback makes it, with one request and no source left."""
    fake.outcomes.append(fate)
    chain = RendererChain(
        create_shotstack_renderer(fake.url, data, stage="v1", price=6), film, tmp_path
    )
    rendered = await chain.render()
    assert rendered.renderer == "local"
    assert len(fake.renders) == 1
    assert fake.files == {}
    assert rendered.dollars == pytest.approx(0 if fate.error else 0.05)
    if fate.result != "film":
        assert len(fake.find_requests("result")) == 3


async def test_a_result_may_be_available_at_the_third_attempt(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path
) -> None:
    """A link that fails for a moment is requested again."""
    fake.override("result", status(403), times=2)
    chain = RendererChain(create_shotstack_renderer(fake.url, data), film, tmp_path)
    assert (await chain.render()).renderer == "shotstack"


@pytest.mark.slow
@pytest.mark.parametrize("end", ["rendering", "dreaming"])
async def test_a_render_that_never_ends_is_abandoned(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path, end: str
) -> None:
    """At its deadline, also with an unknown status."""
    fake.outcomes.append(RenderOutcome(final_status=end))
    pace = SHORT_TIMEOUTS.__class__(**{**SHORT_TIMEOUTS.__dict__, "deadline": 1.0})
    chain = RendererChain(create_shotstack_renderer(fake.url, data, timeouts=pace), film, tmp_path)
    assert (await chain.render()).renderer == "local"
    assert fake.files == {}


async def test_failed_polls_are_repeated(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path
) -> None:
    """Server errors during a render delay the result only."""
    fake.override("status", status(503), times=3)
    chain = RendererChain(create_shotstack_renderer(fake.url, data), film, tmp_path)
    assert (await chain.render()).renderer == "shotstack"


async def test_a_callback_finds_a_render_whose_id_was_lost(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path
) -> None:
    """The answer with the id was lost; the render is adopted, and billed once."""
    fake.outcomes.append(RenderOutcome(response="dropped"))
    renderer = create_shotstack_renderer(
        fake.url,
        data,
        timeouts=SHORT_TIMEOUTS.__class__(**{**SHORT_TIMEOUTS.__dict__, "adoption": 9}),
    )
    callbacks = CallbackReceiver(renderer.settings.api_key, renderer.render_log)

    async def receive_callback(request: web.Request) -> web.Response:
        match = request.match_info
        code = callbacks.receive(match["secret"], match["intent"], await request.read())
        return web.Response(status=code)

    app = web.Application()
    app.router.add_post("/shotstack/{secret}/{intent}", receive_callback)
    async with TestServer(app) as server:
        renderer.callback_url = str(server.make_url(f"/shotstack/{callbacks.secret}"))
        rendered = await RendererChain(renderer, film, tmp_path).render()
    assert rendered.renderer == "shotstack"
    assert len(fake.renders) == 1


async def test_a_result_at_a_private_address_is_not_downloaded(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path
) -> None:
    """A link to this machine that is not the API's is refused."""
    visits = []

    async def record_visit(request: web.Request) -> web.Response:
        visits.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_get("/{path}", record_visit)
    async with TestServer(app) as server:
        link = str(server.make_url("/secret.mp4"))

        async def done(request: web.Request) -> web.Response:
            status_fields = {"id": request.match_info["id"], "status": "done", "url": link}
            return web.json_response({"response": status_fields})

        fake.override("status", done)
        chain = RendererChain(create_shotstack_renderer(fake.url, data), film, tmp_path)
        assert (await chain.render()).renderer == "local"
    assert not visits


async def test_a_result_that_is_too_large_is_rendered_locally(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path
) -> None:
    """Shotstack has no size limit; the download is not repeated."""
    chain = RendererChain(create_shotstack_renderer(fake.url, data), film, tmp_path)
    size = 10_000
    assert (await chain.render(max_bytes=size)).renderer == "local"
    assert chain.result.stat().st_size <= size
    assert len(fake.find_requests("result")) == 1


async def test_a_month_costs_no_more_than_its_budget(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path
) -> None:
    """Beyond the budget results are rendered locally, free, with one alert."""
    alarms = []
    money = MonthlyBudget(data / "money.json", 0.06, lambda *alarm: alarms.append(alarm))
    for index, (renderer, dollars) in enumerate([("shotstack", 0.05), ("local", 0), ("local", 0)]):
        first = create_shotstack_renderer(fake.url, data, budget=money, stage="v1", price=6)
        (tmp_path / f"{index}").mkdir()
        rendered = await RendererChain(first, film, tmp_path / f"{index}").render()
        assert (rendered.renderer, rendered.dollars) == (renderer, pytest.approx(dollars))
    assert alarms == [(pytest.approx(0.05), 0.06)]
    assert len(fake.billed_seconds) == 1


async def test_the_sandbox_costs_nothing(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path
) -> None:
    """Its results are free at any price."""
    rendered = await RendererChain(
        create_shotstack_renderer(fake.url, data, price=6), film, tmp_path
    ).render()
    assert (rendered.renderer, rendered.dollars) == ("shotstack", 0)


@pytest.mark.slow
async def test_the_sandbox_takes_ten_minutes(
    fake: FakeShotstack, tmp_path: Path, data: Path
) -> None:
    """A longer clip is rendered locally, and nothing is uploaded."""
    film = film_of_eileen(tmp_path / "long.mp4", 602, side=32, rate=1)
    chain = RendererChain(create_shotstack_renderer(fake.url, data), film, tmp_path)
    assert (await chain.render()).renderer == "local"
    assert not fake.requests


async def test_cancelling_stops_soon_and_deletes_the_sources(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path
) -> None:
    """Within two seconds; no sources and files remain, and no other renderer is tried."""
    fake.render_seconds = 60
    chain = RendererChain(create_shotstack_renderer(fake.url, data), film, tmp_path)
    work = asyncio.create_task(chain.render())
    while not fake.renders:
        assert not work.done()
        await asyncio.sleep(0.02)
    work.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert time.monotonic() - began < 2
    assert fake.files == {}
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


async def test_a_folder_that_cannot_be_written_to_is_no_failure_of_a_renderer(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path
) -> None:
    """No other renderer is tried."""
    chain = RendererChain(create_shotstack_renderer(fake.url, data), film, tmp_path)
    chain.result = tmp_path / "none" / "result.mp4"
    (tmp_path / "none").write_bytes(b"")
    with pytest.raises(OutputFailed):
        await chain.render()
    assert len(chain.heard.of(BackendStarted)) == 1


@pytest.mark.slow
async def test_sources_that_could_not_be_deleted_are_deleted_later(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path
) -> None:
    """They are recorded, and a later render deletes them."""
    fake.override("delete", status(500))
    await RendererChain(create_shotstack_renderer(fake.url, data), film, tmp_path).render()
    left = set(fake.files)
    assert left
    fake.override("delete", status(500), times=1)
    facts = json.loads((data / "renders.json").read_text())
    for fact in facts.values():
        fact["touched"] -= 4 * 3600
    (data / "renders.json").write_text(json.dumps(facts))
    (tmp_path / "b").mkdir()
    await RendererChain(create_shotstack_renderer(fake.url, data), film, tmp_path / "b").render()
    assert fake.files == {}


@pytest.mark.slow
@pytest.mark.parametrize("call", ["put", "render"])
async def test_a_render_survives_a_kill(
    fake: FakeShotstack, film: Path, tmp_path: Path, data: Path, call: str
) -> None:
    """Killed during the upload or the wait: one bill, one video, no source left."""
    fake.render_seconds = 1.5
    command = (sys.executable, str(PROGRAMS / "render_scene.py"), fake.url)
    files = (str(data), str(film), str(tmp_path / "result.mp4"))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    async def started() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *command, *files, env=environment, stdout=asyncio.subprocess.PIPE
        )

    first = await started()
    while not fake.find_requests(call):
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    first.send_signal(signal.SIGKILL)
    await first.communicate()
    out, _ = await (await started()).communicate()
    assert out == b"shotstack\n"
    assert len(fake.renders) == 1
    assert fake.files == {}
    if call == "render":  # all files were uploaded before
        assert len(fake.find_requests("put")) == 2
    assert probe(tmp_path / "result.mp4", ClipLimits()).audio_stream is not None
    assert not list(tmp_path.glob(".*"))


async def test_nothing_but_parts_leaves(
    fake: FakeShotstack,
    film: Path,
    tmp_path: Path,
    data: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The key is only in its header; no request and no log line has a path or token."""
    token = "123456:AAabcdefghijklmnopqrstuvwxyz"  # noqa: S105 - a made-up token
    folder = tmp_path / token
    folder.mkdir()
    caplog.set_level(logging.DEBUG)
    fake.outcomes.append(RenderOutcome(result="forbidden"))
    await RendererChain(create_shotstack_renderer(fake.url, data), film, folder).render()
    for entry in fake.requests:
        entry.headers.pop("x-api-key", None)
    written = fake.dump_requests()
    for secret in (KEY, token, str(tmp_path), "/file/bot"):
        assert secret not in written
    logged = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("backends")
    )
    assert logged
    for secret in (KEY, token, str(tmp_path), fake.url, "Signature"):
        assert secret not in logged
