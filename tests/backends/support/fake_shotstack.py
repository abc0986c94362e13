"""A fake of Shotstack over real HTTP: it validates requests, renders, and fails on demand.

``python -m tests.backends.support.fake_shotstack KEY`` serves on a free port and prints its
address.
"""

import asyncio
import json
import sys
import time
import uuid
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from types import TracebackType
from typing import Any, Literal, Self

import av
from aiohttp import ClientError, ClientSession, ClientTimeout, web
from aiohttp.test_utils import TestServer
from yarl import URL

from tests.backends.support.shotstack_picture import LumaReading, render_video
from tests.backends.support.shotstack_schema import (
    Edit,
    TemplateRender,
    Video,
    fill_merge_fields,
    list_errors,
    validate_edit,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
KEY = "a-key-of-the-sandbox"  #: the default key of the fake
RENDER_STATUSES = ("queued", "fetching", "rendering", "saving")
MAX_CALLBACK_ATTEMPTS = 10  #: of a callback without a successful response
ROUTES = {
    "upload": ("POST", "/ingest/{stage}/upload"),
    "put": ("PUT", "/signed/{id}"),
    "sources": ("GET", "/ingest/{stage}/sources"),
    "source": ("GET", "/ingest/{stage}/sources/{id}"),
    "delete": ("DELETE", "/ingest/{stage}/sources/{id}"),
    "render": ("POST", "/edit/{stage}/render"),
    "status": ("GET", "/edit/{stage}/render/{id}"),
    "template": ("GET", "/edit/{stage}/templates/{id}"),
    "template_render": ("POST", "/edit/{stage}/templates/render"),
    "file": ("GET", "/files/{id}/source"),
    "result": ("GET", "/results/{id}.{format}"),
}


@dataclass
class RecordedRequest:
    """A received request.

    Attributes:
        time: of receipt, in seconds of the monotonic clock.
        call: name of the route, as for :meth:`FakeShotstack.override`; "" for an unknown route.
        body: the body, or the SHA-256 of an uploaded file.
    """

    time: float
    method: str
    path: str
    call: str
    headers: dict[str, str]
    body: bytes = b""
    status: int = 0


@dataclass
class RenderOutcome:
    """The scripted outcome of a render.

    Attributes:
        final_status: the last status; the render stays in it if it is not done or failed.
        error: message of a failed render.
        response: to the render request: success, a closed connection, none for an hour, a body that
            is not JSON, or status 500.
        result: the content behind the link of the result.
        has_callback: whether a callback is sent.
    """

    final_status: str = "done"
    error: str = ""
    response: Literal["created", "dropped", "hanging", "garbage", "broken"] = "created"
    result: Literal["film", "forbidden", "missing", "truncated", "page"] = "film"
    has_callback: bool = True


@dataclass
class Render:
    """An accepted render."""

    id: str
    edit: Edit
    body: dict[str, Any]
    outcome: RenderOutcome
    started: float
    status: str = "queued"
    error: str = ""
    content: bytes = b""


@dataclass
class StoredFile:
    """An uploaded file, or a reserved upload without content."""

    id: str
    signature: str
    expires: float
    content: bytes | None = None
    seconds: float | None = None
    has_sound: bool = False
    polls: int = 0
    status: str = "queued"
    error: str = ""


@dataclass
class FakeShotstack:
    """The fake service; an async context manager with its address in ``url``.

    Attributes:
        keys: API keys by environment.
        window: seconds of the window of the rate limit.
        request_limits: requests per window, by environment and API.
        polls_until_ready: polls of a source until its status is ready.
        polls_not_found: first polls of a source after its upload that get status 404.
        render_seconds: duration of a render.
        luma: how luma mattes are read: the visible colour, or "ignored".
        has_watermark: whether results have one, as in the sandbox.
        upload_link_seconds: validity of an upload link.
        callback_retry_seconds: delay before a callback is repeated, times the cube of the attempt.
        credits: remaining minutes; None is unlimited.
        outcomes: of the next renders; later renders succeed.
        templates: edits by id.
        requests: all requests, in order.
        renders: all accepted renders by id, in order.
        files: files by id, without deleted ones.
        callbacks: the sent callbacks: address and response status, 0 without a response.
        proxies: the real addresses of callbacks by public host, like the router of a platform.
    """

    keys: dict[str, str] = field(default_factory=lambda: {"stage": KEY})
    window: float = 60
    request_limits: dict[tuple[str, str], int] = field(
        default_factory=lambda: {
            ("stage", "edit"): 150,
            ("stage", "ingest"): 120,
            ("v1", "edit"): 300,
            ("v1", "ingest"): 300,
        }
    )
    polls_until_ready: int = 2
    polls_not_found: int = 0
    render_seconds: float = 0.3
    luma: LumaReading = "white"
    has_watermark: bool = False
    upload_link_seconds: float = 3600
    callback_retry_seconds: float = 0.05
    credits: float | None = None
    outcomes: deque[RenderOutcome] = field(default_factory=deque)
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[RecordedRequest] = field(default_factory=list)
    renders: dict[str, Render] = field(default_factory=dict)
    files: dict[str, StoredFile] = field(default_factory=dict)
    callbacks: list[tuple[str, int]] = field(default_factory=list)
    proxies: dict[str, str] = field(default_factory=dict)
    url: str = ""

    def __post_init__(self) -> None:
        """Start without overrides."""
        self._overrides: dict[str, tuple[Handler, int]] = {}
        self._counts: Counter[tuple[str, str, int]] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self.started = time.monotonic()

    async def __aenter__(self) -> Self:
        """Start the server."""
        app = web.Application(client_max_size=1 << 30, middlewares=[self._record_request])
        for call, (method, path) in ROUTES.items():
            app.router.add_route(method, path, getattr(self, f"_{call}"), name=call)
        self._session = ClientSession(timeout=ClientTimeout(total=10), trust_env=False)
        self._server = TestServer(app)
        await self._server.start_server()
        self.url = str(self._server.make_url("")).rstrip("/")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None
    ) -> None:
        """Stop the server."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()
        await self._server.close()

    def override(self, call: str, answer: Handler, times: int = 1 << 30) -> None:
        """Replace the handler of the next requests of a route.

        Args:
            call: the name of the route.
            answer: the handler; called after the checks of the key and of the rate limit.
            times: number of requests.
        """
        self._overrides[call] = answer, times

    def get_handler(self, call: str) -> Handler:
        """Return the normal handler of a route, for overrides that delegate to it."""
        answer: Handler = getattr(self, f"_{call}")
        return answer

    @property
    def billed_seconds(self) -> list[float]:
        """The seconds of each billed render: accepted and not failed."""
        return [render.edit.seconds for render in self.renders.values() if render.error == ""]

    def dump_requests(self) -> str:
        """Return the text of all requests, for a search for secrets.

        The text omits the API key in the header of requests to the two APIs.
        """
        return "\n".join(
            f"{request.method} {request.path} {_redact_headers(request)} "
            + request.body.decode(errors="replace")
            for request in self.requests
        )

    def count_peak_requests(self, api: str, seconds: float | None = None) -> int:
        """Return the largest number of requests to an API (edit, ingest) in any window."""
        seconds = self.window if seconds is None else seconds
        times = [entry.time for entry in self.requests if entry.path.startswith(f"/{api}/")]
        return max(
            (sum(1 for other in times if time <= other < time + seconds) for time in times),
            default=0,
        )

    def find_requests(self, call: str) -> list[RecordedRequest]:
        """Return the requests of a route."""
        return [entry for entry in self.requests if entry.call == call]

    # Access

    @web.middleware
    async def _record_request(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        call = request.match_info.route.name or ""
        entry = RecordedRequest(
            time.monotonic(), request.method, request.raw_path, call, dict(request.headers)
        )
        self.requests.append(entry)
        content = await request.read()
        entry.body = sha256(content).hexdigest().encode() if call == "put" else content
        try:
            response = await self._check_and_handle(request, call, handler, entry)
        except web.HTTPException:
            response = web.json_response({"message": "Not Found"}, status=404)
        entry.status = response.status
        return response

    async def _check_and_handle(
        self, request: web.Request, call: str, answer: Handler, entry: RecordedRequest
    ) -> web.StreamResponse:
        if request.path.startswith(("/edit/", "/ingest/")):
            api, stage = request.path.split("/")[1:3]
            if stage not in self.keys or request.headers.get("x-api-key") != self.keys[stage]:
                return web.json_response({"message": "Forbidden"}, status=403)
            if request.headers.get("Accept") != "application/json":
                return _make_edit_error(["Accept is not application/json"])
            tick = int((entry.time - self.started) / self.window)
            self._counts[stage, api, tick] += 1
            if self._counts[stage, api, tick] > self.request_limits[stage, api]:
                error = {"status": "429", "title": "rate_limit_error", "detail": "slow down"}
                return web.json_response({"errors": [error]}, status=429)
        elif "x-api-key" in request.headers:
            return web.Response(status=400, text="Only one auth mechanism allowed")
        override, times = self._overrides.pop(call, (None, 0))
        if override:
            if times > 1:
                self._overrides[call] = override, times - 1
            return await override(request)
        return await answer(request)

    # Files

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if await request.read():
            return _make_ingest_error("no body is taken")
        signature = uuid.uuid4().hex
        file = StoredFile(str(uuid.uuid4()), signature, time.monotonic() + self.upload_link_seconds)
        self.files[file.id] = file
        link = f"{self.url}/signed/{file.id}?X-Amz-Expires=3600&X-Amz-Signature={signature}"
        attributes = {"id": file.id, "url": link, "expires": "2030-01-01T00:00:00.000Z"}
        return web.json_response(
            {"data": {"type": "upload", "id": file.id, "attributes": attributes}}
        )

    async def _put(self, request: web.Request) -> web.StreamResponse:
        file = self.files.get(request.match_info["id"])
        if not file or request.query.get("X-Amz-Signature") != file.signature:
            return web.Response(
                status=403, text="<Error><Code>SignatureDoesNotMatch</Code></Error>"
            )
        if time.monotonic() > file.expires:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        if "Content-Type" in request.headers:  # it is not signed, and S3 may refuse it
            return web.Response(
                status=403, text="<Error><Code>SignatureDoesNotMatch</Code></Error>"
            )
        if request.content_length is None:
            return web.Response(status=411, text="<Error><Code>MissingContentLength</Code></Error>")
        content = await request.read()
        file.content, file.status, file.polls = content, "importing", 0
        return web.Response()

    def _find_uploaded(self, request: web.Request) -> StoredFile | None:
        file = self.files.get(request.match_info["id"])
        return file if file and file.content is not None else None

    async def _source(self, request: web.Request) -> web.StreamResponse:
        file = self._find_uploaded(request)
        if file:
            file.polls += 1
        if not file or file.polls <= self.polls_not_found:
            error = {"status": "404", "title": "Not Found", "detail": "Source not found"}
            return web.json_response({"errors": [error]}, status=404)
        if (
            file.status == "importing"
            and file.polls > self.polls_not_found + self.polls_until_ready
        ):
            await asyncio.to_thread(_probe_file, file)
        return web.json_response({"data": self._describe_source(file)})

    async def _sources(self, _request: web.Request) -> web.StreamResponse:
        uploaded = [file for file in self.files.values() if file.content is not None]
        return web.json_response({"data": [self._describe_source(file) for file in uploaded]})

    def _describe_source(self, file: StoredFile) -> dict[str, Any]:
        attributes = {
            "status": file.status,
            "created": "2030-01-01T00:00:00.000Z",
            "height": "96",  # a string, as in the real API
        }
        if file.status == "ready":
            attributes["source"] = f"{self.url}/files/{file.id}/source"
        if file.error:
            attributes["error"] = file.error
        return {"type": "source", "id": file.id, "attributes": attributes}

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        file = self._find_uploaded(request)
        if not file:
            return web.json_response({"errors": [{"status": "404"}]}, status=404)
        del self.files[file.id]
        return web.Response(status=204)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        file = self.files.get(request.match_info["id"])
        if not file or file.content is None:
            return web.Response(status=404)
        return web.Response(body=file.content)

    def _find_by_link(self, link: str) -> StoredFile | None:
        """Return the ready file of a link of this fake."""
        start, _, rest = link.partition("/files/")
        file = self.files.get(rest.split("/")[0])
        return file if start == self.url and file and file.status == "ready" else None

    # Renders

    async def _render(self, request: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await request.read())
        except ValueError:
            return _make_edit_error(["no JSON"])
        return await self._accept_edit(request, body)

    async def _template(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        if name not in self.templates:
            return _make_edit_error(["template not found"], status=404)
        response = {"id": name, "name": "a template", "template": self.templates[name]}
        return web.json_response({"success": True, "message": "OK", "response": response})

    async def _template_render(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if errors := list_errors(TemplateRender, body):
            return _make_edit_error(errors)
        if body["id"] not in self.templates:
            return _make_edit_error(["template not found"], status=404)
        merge = [*self.templates[body["id"]].get("merge", []), *body.get("merge", [])]
        return await self._accept_edit(request, {**self.templates[body["id"]], "merge": merge})

    async def _accept_edit(self, request: web.Request, body: Any) -> web.StreamResponse:
        stage = request.match_info["stage"]
        edit, errors = validate_edit(
            fill_merge_fields(body),
            is_hosted=lambda link: link.startswith(f"{self.url}/files/"),
            is_sandbox=stage == "stage",
        )
        if edit is None:
            return _make_edit_error(errors)
        if self.credits is not None:
            if self.credits < edit.seconds / 60:
                return _make_edit_error(["Insufficient credits to render this asset"], status=403)
            self.credits -= edit.seconds / 60
        outcome = self.outcomes.popleft() if self.outcomes else RenderOutcome()
        render = Render(str(uuid.uuid4()), edit, body, outcome, time.monotonic())
        self.renders[render.id] = render
        task = asyncio.create_task(self._run_render(render))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await _respond_to_render(request, render)

    async def _run_render(self, render: Render) -> None:
        for status in RENDER_STATUSES:
            render.status = status
            if status == render.outcome.final_status:
                return
            await asyncio.sleep(self.render_seconds / len(RENDER_STATUSES))
        error = render.outcome.error or await self._find_asset_error(render.edit)
        if error:
            render.status, render.error = "failed", error
        elif render.outcome.final_status != "done":
            render.status = render.outcome.final_status
            return
        else:
            render.content = await asyncio.to_thread(self._render_edit, render.edit)
            render.status = "done"
        if render.outcome.has_callback and render.edit.callback:
            await self._send_callback(render, render.edit.callback)

    async def _find_asset_error(self, edit: Edit) -> str:
        """Return the error of the files of an edit, or an empty string."""
        for clip in edit.clips():
            src = getattr(clip.asset, "src", None)
            if not src or not src.startswith(self.url):
                continue
            file = self._find_by_link(src)
            if not file:
                return "An asset could not be downloaded"
            if isinstance(clip.asset, Video) and isinstance(clip.length, float | int):
                end = clip.asset.trim + clip.length * clip.asset.speed
                if file.seconds is None or end > file.seconds + 0.05:
                    return "A clip is longer than its source"
        return ""

    async def _send_callback(self, render: Render, link: str) -> None:
        payload = {
            "type": "edit",
            "action": "render",
            "id": render.id,
            "owner": "5ca6hu7s9k",
            "status": render.status,
            "url": self._make_result_link(render) if render.status == "done" else None,
            "error": render.error or None,
            "completed": "2030-01-01T00:00:00.000Z",
        }
        url = URL(link)
        target = URL(self.proxies[url.host]) / url.path[1:] if url.host in self.proxies else url
        for attempt in range(1, MAX_CALLBACK_ATTEMPTS + 1):
            status = 0
            with suppress(ClientError, TimeoutError, OSError):
                async with self._session.post(
                    target, json=payload, allow_redirects=False
                ) as response:
                    status = response.status
            self.callbacks.append((link, status))
            if 200 <= status < 400:
                return
            await asyncio.sleep(self.callback_retry_seconds * attempt**3)

    async def _status(self, request: web.Request) -> web.StreamResponse:
        render = self.renders.get(request.match_info["id"])
        if not render:
            return _make_edit_error(["Render not found"], status=404)
        response: dict[str, Any] = {
            "id": render.id,
            "owner": "5ca6hu7s9k",
            "plan": "sandbox",
            "status": render.status,
            "duration": render.edit.seconds,
            "created": "2030-01-01T00:00:00.000Z",
        }
        if render.status == "done":
            response |= {"url": self._make_result_link(render), "renderTime": 1234.5}
        if render.error:
            response |= {"error": render.error}
        if request.query.get("data") != "false":
            response |= {"data": render.body}
        return web.json_response({"success": True, "message": "OK", "response": response})

    def _make_result_link(self, render: Render) -> str:
        return f"{self.url}/results/{render.id}.{render.edit.output.format}"

    def _render_edit(self, edit: Edit) -> bytes:
        links = {clip.asset.src or "" for clip in edit.clips()}
        files = {link: file.content for link in links if (file := self._find_by_link(link))}
        has_sound = not edit.output.mute and any(
            getattr(clip.asset, "volume", 0) != 0 and self._is_audible(clip.asset.src or "")
            for clip in edit.clips()
        )
        return render_video(
            edit, files, self.luma, has_sound=has_sound, has_watermark=self.has_watermark
        )

    def _is_audible(self, link: str) -> bool:
        file = self._find_by_link(link)
        return file is None or file.has_sound

    async def _result(self, request: web.Request) -> web.StreamResponse:
        render = self.renders.get(request.match_info["id"])
        if not render or render.status != "done" or render.outcome.result == "missing":
            return web.Response(status=404)
        if render.outcome.result == "forbidden":
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        if render.outcome.result == "page":
            return web.Response(text="<html>gone</html>", content_type="text/html")
        content = render.content
        if render.outcome.result == "truncated":
            content = content[: len(content) // 2]
        return web.Response(body=content, content_type="video/mp4")


async def _respond_to_render(request: web.Request, render: Render) -> web.StreamResponse:
    assert request.transport is not None
    match render.outcome.response:
        case "dropped":
            request.transport.close()
        case "hanging":
            await asyncio.sleep(3600)
        case "broken":
            return web.json_response({"message": "Internal server error"}, status=500)
        case "garbage":
            return web.Response(status=201, text="<html>created</html>")
    response = {"message": "Render Successfully Queued", "id": render.id}
    return web.json_response(
        {"success": True, "message": "Created", "response": response}, status=201
    )


def _redact_headers(entry: RecordedRequest) -> dict[str, str]:
    api = entry.path.startswith(("/edit/", "/ingest/"))
    return {k: v for k, v in entry.headers.items() if not (api and k.lower() == "x-api-key")}


def _make_edit_error(errors: list[str], status: int = 400) -> web.StreamResponse:
    details = [{"message": error, "path": "", "type": "any"} for error in errors]
    response = {"error": {"name": "ValidationError", "isJoi": True, "details": details}}
    return web.json_response(
        {"success": False, "message": "Bad Request", "response": response}, status=status
    )


def _make_ingest_error(error: str) -> web.StreamResponse:
    response = {"status": "400", "title": "Validation Error", "detail": error}
    return web.json_response({"errors": [response]}, status=400)


def _probe_file(file: StoredFile) -> None:
    """Read the duration and the streams of a file and set its status."""
    assert file.content is not None
    try:
        with av.open(BytesIO(file.content)) as container:
            file.seconds = container.duration / 1_000_000 if container.duration else None
            file.has_sound = bool(container.streams.audio)
            next(container.decode(video=0))
    except (av.FFmpegError, StopIteration, IndexError):
        file.status, file.error = "failed", "The file is not a media file"
    else:
        file.status = "ready"


async def _serve(key: str) -> None:
    async with FakeShotstack(keys={"stage": key, "v1": key}) as fake:
        print(fake.url, flush=True)  # noqa: T201 - the test reads it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
