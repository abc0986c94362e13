"""A fake Shotstack over real HTTP: it checks each request, draws nothing, and can simulate faults.

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
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from types import TracebackType
from typing import Any, Literal, Self

import av
import numpy as np
from aiohttp import ClientError, ClientSession, ClientTimeout, web
from aiohttp.test_utils import TestServer
from yarl import URL

from tests.backends.support.shotstack_schema import Edit, Video, checked

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
KEY = "a-key-of-the-sandbox"  #: the default key of the fake
STEPS = ("queued", "fetching", "rendering", "saving")
CALLS = 10  #: of a callback that fails
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
class Entry:
    """A request as it was received.

    Attributes:
        time: of the monotonic clock.
        call: name of the route, as for :meth:`FakeShotstack.lie`; "" for an unknown path.
        body: its bytes, or the hash of an uploaded file.
    """

    time: float
    method: str
    path: str
    call: str
    headers: dict[str, str]
    body: bytes = b""
    status: int = 0


@dataclass
class Fate:
    """The fate of a render.

    Attributes:
        end: its last status; another one than done or failed lasts for ever.
        error: of a failed render.
        answer: to its request: the correct one, a closed connection, none for long, one that is
            not JSON, or a 500.
        result: the content at its link.
        callback: whether a callback is sent.
    """

    end: str = "done"
    error: str = ""
    answer: Literal["created", "dropped", "hanging", "garbage", "broken"] = "created"
    result: Literal["film", "forbidden", "missing", "truncated", "page"] = "film"
    callback: bool = True


@dataclass
class Render:
    """A render that was accepted."""

    id: str
    edit: Edit
    asked: dict[str, Any]
    fate: Fate
    began: float
    status: str = "queued"
    error: str = ""


@dataclass
class Stored:
    """A file, or an upload that has not arrived."""

    id: str
    signature: str
    expires: float
    content: bytes | None = None
    seconds: float | None = None
    sound: bool = False
    looks: int = 0
    status: str = "queued"
    error: str = ""


@dataclass
class FakeShotstack:
    """The service; an async context manager, with its address in ``url``.

    Attributes:
        keys: by environment.
        window: seconds over which requests are counted.
        allowed: requests in a window, by environment and API.
        looks: polls of a source until it is ready.
        unseen: first polls of a source after its upload that are answered by 404.
        took: seconds that a render takes.
        signed: seconds for which the address of an upload is valid.
        resend: seconds, times the cube of the attempt, until a callback is sent again.
        credits: minutes that are left; None: they are not counted.
        fates: of the next renders; later ones succeed.
        templates: edits by id.
        ledger: all requests.
        renders: the accepted ones by id, in order.
        stored: files by id, without deleted ones.
        announced: address and status of each callback that was sent; 0 for no answer.
        proxies: address behind a public host, as behind a hosting platform's router.
    """

    keys: dict[str, str] = field(default_factory=lambda: {"stage": KEY})
    window: float = 60
    allowed: dict[tuple[str, str], int] = field(
        default_factory=lambda: {
            ("stage", "edit"): 150,
            ("stage", "ingest"): 120,
            ("v1", "edit"): 300,
            ("v1", "ingest"): 300,
        }
    )
    looks: int = 2
    unseen: int = 0
    took: float = 0.3
    signed: float = 3600
    resend: float = 0.05
    credits: float | None = None
    fates: deque[Fate] = field(default_factory=deque)
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    ledger: list[Entry] = field(default_factory=list)
    renders: dict[str, Render] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)
    announced: list[tuple[str, int]] = field(default_factory=list)
    proxies: dict[str, str] = field(default_factory=dict)
    url: str = ""

    def __post_init__(self) -> None:
        """Start without simulated faults."""
        self._lies: dict[str, tuple[Answer, int]] = {}
        self._counts: Counter[tuple[str, str, int]] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self.began = time.monotonic()

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

    def lie(self, call: str, answer: Answer, times: int = 1 << 30) -> None:
        """Answer the next requests of a route in another way.

        Args:
            call: the name of a route.
            answer: the handler to use instead, after the checks of the key and the rate limit.
            times: how often.
        """
        self._lies[call] = answer, times

    def as_usual(self, call: str) -> Answer:
        """Return the handler of a route, for faults that need its true answer."""
        answer: Answer = getattr(self, f"_{call}")
        return answer

    @property
    def bills(self) -> list[float]:
        """The billed seconds of each render that was accepted and did not fail."""
        return [render.edit.seconds for render in self.renders.values() if render.error == ""]

    def written(self) -> str:
        """Return all data that was sent, as text for a search.

        The key is left out where it must be: in its header, to the two APIs.
        """
        return "\n".join(
            f"{entry.method} {entry.path} {_list_headers(entry)} "
            f"{entry.body.decode(errors='replace')}"
            for entry in self.ledger
        )

    def most(self, api: str, seconds: float | None = None) -> int:
        """Return the largest number of requests to an API (edit, ingest) in any window."""
        seconds = self.window if seconds is None else seconds
        times = [entry.time for entry in self.ledger if entry.path.startswith(f"/{api}/")]
        return max(
            (sum(1 for other in times if time <= other < time + seconds) for time in times),
            default=0,
        )

    def calls(self, call: str) -> list[Entry]:
        """Return the requests to a route."""
        return [entry for entry in self.ledger if entry.call == call]

    # Authentication and the ledger

    @web.middleware
    async def _record_request(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        call = request.match_info.route.name or ""
        entry = Entry(
            time.monotonic(), request.method, request.raw_path, call, dict(request.headers)
        )
        self.ledger.append(entry)
        content = await request.read()
        entry.body = sha256(content).hexdigest().encode() if call == "put" else content
        try:
            response = await self._check_request(request, call, handler, entry)
        except web.HTTPException:
            response = web.json_response({"message": "Not Found"}, status=404)
        entry.status = response.status
        return response

    async def _check_request(
        self, request: web.Request, call: str, answer: Answer, entry: Entry
    ) -> web.StreamResponse:
        if request.path.startswith(("/edit/", "/ingest/")):
            api, stage = request.path.split("/")[1:3]
            if stage not in self.keys or request.headers.get("x-api-key") != self.keys[stage]:
                return web.json_response({"message": "Forbidden"}, status=403)
            if request.headers.get("Accept") != "application/json":
                return _refuse_edit(["Accept is not application/json"])
            tick = int((entry.time - self.began) / self.window)
            self._counts[stage, api, tick] += 1
            if self._counts[stage, api, tick] > self.allowed[stage, api]:
                fault = {"status": "429", "title": "rate_limit_error", "detail": "slow down"}
                return web.json_response({"errors": [fault]}, status=429)
        elif "x-api-key" in request.headers:
            return web.Response(status=400, text="Only one auth mechanism allowed")
        lie, times = self._lies.pop(call, (None, 0))
        if lie:
            if times > 1:
                self._lies[call] = lie, times - 1
            return await lie(request)
        return await answer(request)

    # Files

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if await request.read():
            return _refuse_ingest("no body is taken")
        signature = uuid.uuid4().hex
        stored = Stored(str(uuid.uuid4()), signature, time.monotonic() + self.signed)
        self.stored[stored.id] = stored
        link = f"{self.url}/signed/{stored.id}?X-Amz-Expires=3600&X-Amz-Signature={signature}"
        attributes = {"id": stored.id, "url": link, "expires": "2030-01-01T00:00:00.000Z"}
        return web.json_response(
            {"data": {"type": "upload", "id": stored.id, "attributes": attributes}}
        )

    async def _put(self, request: web.Request) -> web.StreamResponse:
        stored = self.stored.get(request.match_info["id"])
        if not stored or request.query.get("X-Amz-Signature") != stored.signature:
            return web.Response(
                status=403, text="<Error><Code>SignatureDoesNotMatch</Code></Error>"
            )
        if time.monotonic() > stored.expires:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        if request.content_length is None:
            return web.Response(status=411, text="<Error><Code>MissingContentLength</Code></Error>")
        content = await request.read()
        stored.content, stored.status, stored.looks = content, "importing", 0
        return web.Response()

    def _find_source(self, request: web.Request) -> Stored | None:
        stored = self.stored.get(request.match_info["id"])
        return stored if stored and stored.content is not None else None

    async def _source(self, request: web.Request) -> web.StreamResponse:
        stored = self._find_source(request)
        if stored:
            stored.looks += 1
        if not stored or stored.looks <= self.unseen:
            fault = {"status": "404", "title": "Not Found", "detail": "Source not found"}
            return web.json_response({"errors": [fault]}, status=404)
        if stored.status == "importing" and stored.looks > self.unseen + self.looks:
            await asyncio.to_thread(_probe, stored)
        return web.json_response({"data": self._describe_source(stored)})

    async def _sources(self, _request: web.Request) -> web.StreamResponse:
        sources = [stored for stored in self.stored.values() if stored.content is not None]
        return web.json_response({"data": [self._describe_source(stored) for stored in sources]})

    def _describe_source(self, stored: Stored) -> dict[str, Any]:
        fields = {
            "status": stored.status,
            "created": "2030-01-01T00:00:00.000Z",
            "height": "96",  # a string, as in the real API
        }
        if stored.status == "ready":
            fields["source"] = f"{self.url}/files/{stored.id}/source"
        if stored.error:
            fields["error"] = stored.error
        return {"type": "source", "id": stored.id, "attributes": fields}

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        stored = self._find_source(request)
        if not stored:
            return web.json_response({"errors": [{"status": "404"}]}, status=404)
        del self.stored[stored.id]
        return web.Response(status=204)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        stored = self.stored.get(request.match_info["id"])
        if not stored or stored.content is None:
            return web.Response(status=404)
        return web.Response(body=stored.content)

    def _find_file(self, link: str) -> Stored | None:
        """Return the file at an address that the fake issued."""
        start, _, rest = link.partition("/files/")
        stored = self.stored.get(rest.split("/")[0])
        return stored if start == self.url and stored and stored.status == "ready" else None

    # Renders

    async def _render(self, request: web.Request) -> web.StreamResponse:
        try:
            asked = json.loads(await request.read())
        except ValueError:
            return _refuse_edit(["no JSON"])
        return await self._accept_render(request, asked)

    async def _template(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        if name not in self.templates:
            return _refuse_edit(["template not found"], status=404)
        fields = {"id": name, "name": "a template", "template": self.templates[name]}
        return web.json_response({"success": True, "message": "OK", "response": fields})

    async def _template_render(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        if set(asked) - {"id", "merge"} or asked.get("id") not in self.templates:
            return _refuse_edit(["template not found"], status=404)
        merge = [*self.templates[asked["id"]].get("merge", []), *asked.get("merge", [])]
        return await self._accept_render(request, {**self.templates[asked["id"]], "merge": merge})

    async def _accept_render(self, request: web.Request, asked: Any) -> web.StreamResponse:
        stage = request.match_info["stage"]
        edit, faults = checked(
            _fill_merge_fields(asked),
            ours=lambda link: link.startswith(f"{self.url}/files/"),
            sandbox=stage == "stage",
        )
        if edit is None:
            return _refuse_edit(faults)
        if self.credits is not None:
            if self.credits < edit.seconds / 60:
                return _refuse_edit(["Insufficient credits to render this asset"], status=403)
            self.credits -= edit.seconds / 60
        fate = self.fates.popleft() if self.fates else Fate()
        render = Render(str(uuid.uuid4()), edit, asked, fate, time.monotonic())
        self.renders[render.id] = render
        task = asyncio.create_task(self._run(render))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await _answer_render(request, render)

    async def _run(self, render: Render) -> None:
        for status in STEPS:
            render.status = status
            if status == render.fate.end:
                return
            await asyncio.sleep(self.took / len(STEPS))
        error = render.fate.error or await self._find_fault(render.edit)
        if error:
            render.status, render.error = "failed", error
        elif render.fate.end != "done":
            render.status = render.fate.end
            return
        else:
            await asyncio.to_thread(film, *self._shape(render.edit))
            render.status = "done"
        if render.fate.callback and render.edit.callback:
            await self._announce(render, render.edit.callback)

    async def _find_fault(self, edit: Edit) -> str:
        """Return what is wrong with the files in an edit."""
        for clip in edit.clips():
            src = getattr(clip.asset, "src", None)
            if not src or not src.startswith(self.url):
                continue
            stored = self._find_file(src)
            if not stored:
                return "An asset could not be downloaded"
            if isinstance(clip.asset, Video) and isinstance(clip.length, float | int):
                wanted = clip.asset.trim + clip.length * clip.asset.speed
                if stored.seconds is None or wanted > stored.seconds + 0.05:
                    return "A clip is longer than its source"
        return ""

    async def _announce(self, render: Render, link: str) -> None:
        fields = {
            "type": "edit",
            "action": "render",
            "id": render.id,
            "owner": "5ca6hu7s9k",
            "status": render.status,
            "url": self._link(render) if render.status == "done" else None,
            "error": render.error or None,
            "completed": "2030-01-01T00:00:00.000Z",
        }
        url = URL(link)
        way = URL(self.proxies[url.host]) / url.path[1:] if url.host in self.proxies else url
        for attempt in range(1, CALLS + 1):
            status = 0
            with suppress(ClientError, TimeoutError, OSError):
                async with self._session.post(way, json=fields, allow_redirects=False) as answer:
                    status = answer.status
            self.announced.append((link, status))
            if 200 <= status < 400:
                return
            await asyncio.sleep(self.resend * attempt**3)

    async def _status(self, request: web.Request) -> web.StreamResponse:
        render = self.renders.get(request.match_info["id"])
        if not render:
            return _refuse_edit(["Render not found"], status=404)
        fields: dict[str, Any] = {
            "id": render.id,
            "owner": "5ca6hu7s9k",
            "plan": "sandbox",
            "status": render.status,
            "duration": render.edit.seconds,
            "created": "2030-01-01T00:00:00.000Z",
        }
        if render.status == "done":
            fields |= {"url": self._link(render), "renderTime": 1234.5}
        if render.error:
            fields |= {"error": render.error}
        if request.query.get("data") != "false":
            fields |= {"data": render.asked}
        return web.json_response({"success": True, "message": "OK", "response": fields})

    def _link(self, render: Render) -> str:
        return f"{self.url}/results/{render.id}.{render.edit.output.format}"

    def _shape(self, edit: Edit) -> tuple[int, int, float, float, bool]:
        loud = not edit.output.mute and any(
            getattr(clip.asset, "volume", 0) != 0 and self._has_sound(clip.asset.src or "")
            for clip in edit.clips()
        )
        return *edit.output.shape, edit.seconds, loud

    def _has_sound(self, link: str) -> bool:
        stored = self._find_file(link)
        return stored is None or stored.sound

    async def _result(self, request: web.Request) -> web.StreamResponse:
        render = self.renders.get(request.match_info["id"])
        if not render or render.status != "done" or render.fate.result == "missing":
            return web.Response(status=404)
        if render.fate.result == "forbidden":
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        if render.fate.result == "page":
            return web.Response(text="<html>gone</html>", content_type="text/html")
        content = await asyncio.to_thread(film, *self._shape(render.edit))
        if render.fate.result == "truncated":
            content = content[: len(content) // 2]
        return web.Response(body=content, content_type="video/mp4")


async def _answer_render(request: web.Request, render: Render) -> web.StreamResponse:
    assert request.transport is not None
    match render.fate.answer:
        case "dropped":
            request.transport.close()
        case "hanging":
            await asyncio.sleep(3600)
        case "broken":
            return web.json_response({"message": "Internal server error"}, status=500)
        case "garbage":
            return web.Response(status=201, text="<html>created</html>")
    fields = {"message": "Render Successfully Queued", "id": render.id}
    return web.json_response(
        {"success": True, "message": "Created", "response": fields}, status=201
    )


def _list_headers(entry: Entry) -> dict[str, str]:
    api = entry.path.startswith(("/edit/", "/ingest/"))
    return {k: v for k, v in entry.headers.items() if not (api and k.lower() == "x-api-key")}


def _refuse_edit(faults: list[str], status: int = 400) -> web.StreamResponse:
    details = [{"message": fault, "path": "", "type": "any"} for fault in faults]
    fields = {"error": {"name": "ValidationError", "isJoi": True, "details": details}}
    return web.json_response(
        {"success": False, "message": "Bad Request", "response": fields}, status=status
    )


def _refuse_ingest(fault: str) -> web.StreamResponse:
    fields = {"status": "400", "title": "Validation Error", "detail": fault}
    return web.json_response({"errors": [fields]}, status=400)


def _fill_merge_fields(asked: Any) -> Any:
    """Return the edit with its merge fields filled in."""
    if not isinstance(asked, dict) or not isinstance(asked.get("merge"), list):
        return asked
    text = json.dumps({name: value for name, value in asked.items() if name != "merge"})
    for pair in asked["merge"]:
        replaced = json.dumps(pair["replace"])
        text = text.replace(f'"{{{{{pair["find"]}}}}}"', replaced)
        text = text.replace(f"{{{{{pair['find']}}}}}", replaced.strip('"'))
    return {**json.loads(text), "merge": asked["merge"]}


def _probe(stored: Stored) -> None:
    """Probe a file, and record its length."""
    assert stored.content is not None
    try:
        with av.open(BytesIO(stored.content)) as container:
            stored.seconds = container.duration / 1_000_000 if container.duration else None
            stored.sound = bool(container.streams.audio)
            next(container.decode(video=0))
    except (av.FFmpegError, StopIteration, IndexError):
        stored.status, stored.error = "failed", "The file is not a media file"
    else:
        stored.status = "ready"


@lru_cache(maxsize=8)
def film(width: int, height: int, rate: float, seconds: float, loud: bool) -> bytes:  # noqa: FBT001 - lru_cache
    """Return a grey mp4 of that size, rate and length, with a hum if *loud*."""
    file = BytesIO()
    exact = (
        Fraction(round(rate * 1001), 1001) if rate % 1 == 0 else Fraction(round(rate) * 1000, 1001)
    )
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=exact, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        sound = out.add_stream("aac", rate=48_000) if loud else None
        grey = np.full((height * 3 // 2, width), 128, np.uint8)
        for i in range(max(1, round(seconds * float(exact)))):
            frame = av.VideoFrame.from_ndarray(grey, "yuv420p")
            frame.pts, frame.time_base = i, 1 / exact
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound:
            hum = (np.sin(np.arange(int(seconds * 48_000)) * 0.05) * 0.25).astype(np.float32)
            for start in range(0, len(hum), 1024):
                block = av.AudioFrame.from_ndarray(hum[None, start : start + 1024], "fltp", "mono")
                block.sample_rate, block.pts = 48_000, start
                out.mux(sound.encode(block))
            out.mux(sound.encode(None))
    return file.getvalue()


async def _serve(key: str) -> None:
    async with FakeShotstack(keys={"stage": key, "v1": key}) as fake:
        print(fake.url, flush=True)  # noqa: T201 - the script prints its address
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
