"""The renderer at a service: what it uploads, and what follows if the service fails."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from starlette.types import Receive, Scope, Send

from backends.base import BackendStarted, FellBack
from backends.errors import BackendUnavailable, FailureKind
from backends.local.backend import LocalBackend
from backends.remote.connection import ServiceConnection
from backends.remote.render_files import collect_files
from backends.remote.render_job import RenderJob, derive_render_id
from backends.renderer_factory import create_renderer
from backends.rendering.base import SERVICE_FILE, LocalRenderer, Renderer, RenderRequest
from backends.rendering.fallback import FallbackRenderer
from settings import (
    BackendSettings,
    RemoteSettings,
    RenderingSettings,
    Settings,
    StorageSettings,
)
from tests.backends.support.event_recorder import EventRecorder
from tests.backends.support.running_service import (
    LIMITS,
    SHORT_TIMEOUTS,
    TOKEN,
    create_client,
    create_renderer_client,
    create_service,
    record_requests,
    serve_app,
    serve_in_process,
)
from tests.backends.support.shotstack_renderer import KEEP_BACKGROUND
from tests.support.paths import ROOT
from tests.support.person_clips import film_of_eileen
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.excerpt import Excerpt
from video_editing.contract.formats import OutputFormat
from video_editing.contract.plan import make_plan, read_plan, write_plan
from video_editing.contract.progress import Progress, ignore
from video_editing.contract.sound import SoundOptions
from video_editing.contract.style import Shape, Style
from video_editing.reading.probe import ClipLimits, probe

STYLE = Style(shape=Shape.CIRCLE, ring=0.05)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of Eileen, with a voice."""
    return film_of_eileen(tmp_path_factory.mktemp("film") / "film.mp4", 12, side=160, tone=440)


@pytest.fixture(scope="module")
def mattes(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mattes of the film, in three segments."""
    folder = tmp_path_factory.mktemp("mattes") / "mattes"
    return asyncio.run(make_mattes(film, folder, segment_seconds=0.16))


async def make_mattes(clip: Path, folder: Path, *, segment_seconds: float) -> Path:
    plan = make_plan(probe(clip, ClipLimits()), segment_seconds=segment_seconds)
    write_plan(plan, folder)
    await LocalBackend("local-cpu", "cpu", LIMITS).make_mattes(clip, plan, folder, ignore)
    return folder


def digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def list_files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("form", [OutputFormat.VIDEO, OutputFormat.GIF, OutputFormat.MOV])
async def test_the_result_is_that_of_this_machine(
    film: Path, mattes: Path, tmp_path: Path, form: OutputFormat
) -> None:
    """With the same mattes, background and style, byte for byte; and nothing stays there."""
    background = str(ROOT / "docs" / "demo.jpg")
    request = RenderRequest(film, mattes, background, STYLE, form)
    here, there = tmp_path / f"here{form.suffix}", tmp_path / f"there{form.suffix}"
    await LocalRenderer(LIMITS).render(request, here, ignore)
    async with serve_app(create_service(tmp_path / "service")) as address:
        await create_renderer_client(address).render(request, there, ignore)
    assert there.read_bytes() == here.read_bytes()
    assert list_files(tmp_path / "service") == []


async def test_a_part_with_a_canvas_and_a_sound_is_that_of_this_machine(
    film: Path, mattes: Path, tmp_path: Path
) -> None:
    """Byte for byte; the mattes of the other segments are not needed."""
    (part := tmp_path / "mattes").mkdir()
    (part / "00001.mp4").hardlink_to(mattes / "00001.mp4")
    write_plan(read_plan(mattes).select([1]), part)
    request = RenderRequest(
        film,
        part,
        "teal",
        STYLE,
        canvas="4:5",
        excerpt=Excerpt(start=0.2, end=0.28),
        sound=SoundOptions(even_voice=True),
    )
    here, there = tmp_path / "here.mp4", tmp_path / "there.mp4"
    rendered = await LocalRenderer(LIMITS).render(request, here, ignore)
    async with serve_app(create_service(tmp_path / "service")) as address:
        await create_renderer_client(address).render(request, there, ignore)
    assert there.read_bytes() == here.read_bytes()
    assert (rendered.width, rendered.height) == (1080, 1350)
    assert rendered.seconds == pytest.approx(0.08)


async def test_an_earlier_service_understands_a_render_without_later_fields(
    film: Path, tmp_path: Path
) -> None:
    """It refuses fields that it does not know; and the id of the render stays the same."""
    files = await collect_files(RenderRequest(film, None, "teal", KEEP_BACKGROUND), tmp_path)
    assert files.request.model_dump().keys() == {
        *("input", "mattes", "background", "background_file", "style", "form", "max_bytes")
    }


async def test_a_clip_whose_mattes_were_made_there_is_not_uploaded_again(
    film: Path, tmp_path: Path
) -> None:
    """The backend leaves it, and the renderer removes it."""
    calls: list[tuple[str, str]] = []
    service = record_requests(create_service(tmp_path / "service"), calls)
    plan, mattes = make_plan(probe(film, ClipLimits())), tmp_path / "mattes"
    async with serve_app(service) as address:
        await create_client(address, keeps_clips=True).make_mattes(film, plan, mattes, ignore)
        assert (mattes / SERVICE_FILE).read_text() == "modal"
        request = RenderRequest(film, mattes, "teal", STYLE)
        await create_renderer_client(address).render(request, tmp_path / "r.mp4", ignore)
    assert calls.count(("PUT", f"/clips/{digest(film)}")) == 1
    assert list_files(tmp_path / "service") == []


async def test_a_finished_render_is_found_again(film: Path, tmp_path: Path) -> None:
    """After a crash of the bot, its next attempt downloads the video that is there."""
    request, heard = RenderRequest(film, None, "teal", KEEP_BACKGROUND), EventRecorder()
    result = tmp_path / "result.mp4"
    settings = RemoteSettings(endpoint="http://localhost", token=TOKEN)
    async with serve_app(create_service(tmp_path / "service")) as address:
        settings = settings.model_copy(update={"endpoint": address})
        connection = ServiceConnection("modal", settings, SHORT_TIMEOUTS)
        files = await collect_files(request, tmp_path)
        async with connection.open(ignore) as client:
            job_id = derive_render_id(connection.secret, result, files)
            job = RenderJob("modal", client, SHORT_TIMEOUTS, job_id, files)
            await job.run(tmp_path / "lost.mp4", ignore)
        await create_renderer_client(address).render(request, result, heard)
    assert heard.of(Progress) == []
    assert result.read_bytes() == (tmp_path / "lost.mp4").read_bytes()


async def test_a_cancelled_render_leaves_nothing_at_the_service(tmp_path: Path) -> None:
    """Its process stops, and its files are removed."""
    clip = film_of_eileen(tmp_path / "clip.mp4", 150, side=480)
    request, heard = RenderRequest(clip, None, "teal", KEEP_BACKGROUND), EventRecorder()
    async with serve_app(create_service(tmp_path / "service")) as address:
        renderer = create_renderer_client(address)
        work = asyncio.create_task(renderer.render(request, tmp_path / "result.mp4", heard))
        await until_progress(heard, work)
        work.cancel()
        await asyncio.wait([work])
        assert list_files(tmp_path / "service") == []
    assert [path.name for path in tmp_path.iterdir() if path.name != "service"] == ["clip.mp4"]


async def test_a_killed_service_costs_neither_the_video_nor_the_mattes(tmp_path: Path) -> None:
    """In the middle of a render its process dies: this machine renders with the same mattes."""
    clip = film_of_eileen(tmp_path / "clip.mp4", 100, side=480)
    folder, heard = await make_mattes(clip, tmp_path / "mattes", segment_seconds=1), EventRecorder()
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    request = RenderRequest(clip, folder, "teal", STYLE)
    async with serve_in_process(tmp_path / "service") as (process, address):
        chain = FallbackRenderer([create_renderer_client(address), LocalRenderer(LIMITS)])
        work = asyncio.create_task(chain.render(request, tmp_path / "result.mp4", heard))
        await until_progress(heard, work)
        process.send_signal(signal.SIGKILL)
        rendered = await work
    assert rendered.renderer == "local"
    assert [event.backend for event in heard.of(BackendStarted)] == ["modal", "local"]
    assert [event.why for event in heard.of(FellBack)] == [FailureKind.UNREACHABLE]
    assert {event.stage for event in heard.of(Progress)} == {"edit"}
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert len(probe(tmp_path / "result.mp4", ClipLimits()).times) == 100


async def test_auto_takes_what_was_faster(film: Path, tmp_path: Path) -> None:
    """It measures the service and this machine with the first two videos."""
    request = RenderRequest(film, None, "teal", KEEP_BACKGROUND)
    async with serve_app(create_service(tmp_path / "service")) as address:
        settings = Settings(
            backends=BackendSettings(_env_file=None, names="modal,local-cpu"),
            remote=RemoteSettings(_env_file=None, endpoint=address, token=TOKEN),
            rendering=RenderingSettings(_env_file=None, renderer="auto"),
            storage=StorageSettings(_env_file=None, folder=tmp_path / "data"),
        )
        renderer = create_renderer(settings)
        for name in ("modal", "local"):
            rendered = await renderer.render(request, tmp_path / f"{name}.mp4", ignore)
            assert rendered.renderer == name
        stored = json.loads((tmp_path / "data" / "render_speeds.json").read_bytes())
        rendered = await renderer.render(request, tmp_path / "3.mp4", ignore)
    assert rendered.renderer == max(stored, key=lambda name: stored[name]["speed"])


async def test_a_service_that_is_down_is_not_asked_for_a_while(film: Path, tmp_path: Path) -> None:
    """The next video does not wait for it."""
    renderer = create_renderer_client("http://127.0.0.1:9")
    request = RenderRequest(film, None, "teal", KEEP_BACKGROUND)
    assert await fail(renderer, request, tmp_path) is FailureKind.UNREACHABLE
    assert await fail(renderer, request, tmp_path) is FailureKind.COOLING_DOWN


async def test_a_service_without_a_key_gets_no_clip(film: Path, tmp_path: Path) -> None:
    """Whoever finds it could read the clips there."""

    async def accept(_: web.Request) -> web.StreamResponse:
        return web.json_response({})

    async with serve_handlers({"": accept}) as (address, calls):
        renderer = create_renderer_client(address)
        request = RenderRequest(film, None, "teal", KEEP_BACKGROUND)
        assert await fail(renderer, request, tmp_path) is FailureKind.UNSAFE
    assert calls == ["GET clips"]


@pytest.mark.parametrize("fault", ["page", "other size", "other length", "truncated", "too large"])
async def test_a_result_that_is_not_the_promised_video_is_refused(
    film: Path, tmp_path: Path, fault: str
) -> None:
    """It is not delivered, and another renderer is asked."""
    content = b"<html>" * 100 if fault == "page" else film.read_bytes()
    promised = {"width": 160, "height": 160, "seconds": 0.48, "size": len(content)}
    promised |= {
        "other size": {"width": 162},
        "other length": {"seconds": 9.0},
        "truncated": {"size": 2 * len(content)},
        "too large": {"size": 10**9},
    }.get(fault, {})

    async def submit(request: web.Request) -> web.StreamResponse:
        submitted = await request.json()
        job = {"job_id": request.path.split("/")[2], "input": submitted["input"], "state": "done"}
        handlers["GET renders"] = lambda _: respond(job | {"result": promised})
        return await respond(job | {"state": "running"})

    async def send(request: web.Request) -> web.StreamResponse:
        headers = {"Job-Id": request.path.split("/")[2]}
        return web.Response(body=content, headers=headers)

    handlers = {"PUT renders": submit, "GET renders result": send}
    async with serve_handlers(handlers) as (address, calls):
        request = RenderRequest(film, None, "teal", KEEP_BACKGROUND, max_bytes=10**6)
        kind = await fail(create_renderer_client(address), request, tmp_path)
    assert kind is FailureKind.INVALID_RESPONSE
    assert "DELETE renders" in calls
    assert list(tmp_path.iterdir()) == []


async def test_a_lost_render_is_submitted_again(film: Path, tmp_path: Path) -> None:
    """A service that restarted has forgotten it; what has expired there is uploaded again."""
    calls: list[tuple[str, str]] = []
    service = create_service(tmp_path / "service")
    lost = [True]

    async def forget_once(scope: Scope, receive: Receive, send: Send) -> None:
        is_poll = scope["type"] == "http" and scope["method"] == "GET"
        if is_poll and scope["path"].startswith("/renders/") and lost:
            lost.clear()
            scope = {**scope, "path": f"/renders/{'0' * 64}"}
        await service(scope, receive, send)

    async with serve_app(record_requests(forget_once, calls)) as address:
        request = RenderRequest(film, None, "teal", KEEP_BACKGROUND)
        await create_renderer_client(address).render(request, tmp_path / "result.mp4", ignore)
    submitted = [path for method, path in calls if method == "PUT" and "/renders/" in path]
    assert len(submitted) == 2
    assert len(set(submitted)) == 1


async def test_incomplete_mattes_are_rejected(film: Path, mattes: Path, tmp_path: Path) -> None:
    """They would have to be made again, which is not a renderer's task."""
    folder = tmp_path / "mattes"
    write_plan(read_plan(mattes), folder)
    with pytest.raises(InputRejected) as caught:
        await create_renderer_client("http://127.0.0.1:9").render(
            RenderRequest(film, folder, "teal", STYLE), tmp_path / "result.mp4", ignore
        )
    assert caught.value.reason is RejectReason.BAD_MATTE


async def fail(renderer: Renderer, request: RenderRequest, folder: Path) -> FailureKind:
    """Return why *renderer* fails."""
    with pytest.raises(BackendUnavailable) as caught:
        await renderer.render(request, folder / "result.mp4", ignore)
    return caught.value.kind


async def until_progress(heard: EventRecorder, work: asyncio.Task[object]) -> None:
    """Wait until a part of the video is rendered."""
    while not heard.of(Progress):
        assert not work.done()
        await asyncio.sleep(0.01)


async def respond(body: object) -> web.StreamResponse:
    return web.json_response(body)


@asynccontextmanager
async def serve_handlers(
    handlers: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]],
) -> AsyncIterator[tuple[str, list[str]]]:
    """Serve *handlers*, by method and path without ids; "" is for requests without a key.

    Other requests succeed. Yield the address and the list of calls.
    """
    calls: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        name = " ".join([request.method, *request.path.split("/")[1::2]])
        calls.append(name)
        if "Authorization" not in request.headers:
            return await handlers[""](request) if "" in handlers else web.Response(status=401)
        if name in handlers:
            return await handlers[name](request)
        found = {"input": request.path.split("/")[2], "size": 1}
        return web.json_response(found)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/"), calls
