"""A service over real HTTP that behaves, except for the calls that a test overrides."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.backends.support.running_service import KEY
from video_editing.contract.plan import Plan

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class MisbehavingService:
    """The service's calls, which a test can override.

    Attributes:
        mattes: a folder of valid segments.
        plan: their plan.
        overrides: answers by the name of the call: "without_key", "find", "upload", "submit",
            "follow", "segment", "cancel", "forget".
        calls: names of the calls with the key, in order.
    """

    mattes: Path
    plan: Plan
    overrides: dict[str, Answer] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        name = self._name(request)
        if request.headers.get("Authorization") != KEY["Authorization"]:
            override = self.overrides.get("without_key")
            return await override(request) if override else web.Response(status=401)
        self.calls.append(name)
        if name in self.overrides:
            return await self.overrides[name](request)
        return await getattr(self, name)(request)

    def _name(self, request: web.Request) -> str:
        names = {
            "GET clips": "find",
            "PUT clips": "upload",
            "PUT jobs": "submit",
            "GET jobs": "follow",
            "GET jobs segments": "segment",
            "POST jobs cancel": "cancel",
            "DELETE jobs": "forget",
            "DELETE clips": "forget",
        }
        return names[" ".join([request.method, *request.path.split("/")[1::2]])]

    async def find(self, _request: web.Request) -> web.StreamResponse:
        """Answer that the clip was never uploaded."""
        return web.json_response({"detail": "no such clip"}, status=404)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Receive the clip."""
        await request.read()
        return web.json_response({}, status=201)

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """Start the job."""
        self.input = (await request.json())["input"]
        return web.json_response(self.describe_job(request, state="running"), status=202)

    async def follow(self, request: web.Request) -> web.StreamResponse:
        """Answer that the job is done."""
        ready = [segment.index for segment in self.plan.segments]
        return web.json_response(self.describe_job(request, state="done", ready=ready))

    async def segment(self, request: web.Request) -> web.StreamResponse:
        """Send a valid segment."""
        _, _, job, _, index = request.path.split("/")
        (segment,) = (s for s in self.plan.segments if s.index == int(index))
        path = self.mattes / segment.file_name
        return web.Response(body=path.read_bytes(), headers={"Job-Id": job})

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """Cancel the job."""
        return web.json_response(self.describe_job(request, state="cancelled"))

    async def forget(self, _request: web.Request) -> web.StreamResponse:
        """Delete the job or the clip."""
        return web.Response(status=204)

    def describe_job(self, request: web.Request, **changes: Any) -> dict[str, Any]:
        """Return the state of the job in the path of the request."""
        valid = {
            "job_id": request.path.split("/")[2],
            "input": self.input,
            "state": "running",
            "done": 0,
            "total": self.plan.frames,
            "fps": 25.0,
            "ready": [],
            "device_seconds": 1.0,
            "failure": None,
        }
        return valid | changes


@asynccontextmanager
async def serve_misbehaving(service: MisbehavingService) -> AsyncIterator[str]:
    """Serve *service*, and yield its address."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", service.answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def status(code: int, **headers: str) -> Answer:
    """Answer with a status and no body."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(
            status=code, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    return answer


def body(content: bytes, kind: str = "application/json") -> Answer:
    """Answer with *content*."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=content, content_type=kind)

    return answer


async def hang(_request: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.sleep(60)
    raise AssertionError


async def drip(request: web.Request) -> web.StreamResponse:
    """Answer with one byte now and then, without end."""
    answer = web.StreamResponse(
        headers={"Content-Type": "application/json", "Job-Id": job(request)}
    )
    await answer.prepare(request)
    for _ in range(600):
        await answer.write(b" ")
        await asyncio.sleep(0.1)
    return answer


async def cut(request: web.Request) -> web.StreamResponse:
    """Announce more bytes than are sent."""
    headers = {"Content-Type": "application/json", "Job-Id": job(request), "Content-Length": "9999"}
    answer = web.StreamResponse(headers=headers)
    await answer.prepare(request)
    await answer.write(b'{"job_id"')
    assert request.transport is not None
    request.transport.close()
    return answer


async def flood(request: web.Request) -> web.StreamResponse:
    """Answer without end, as fast as possible."""
    answer = web.StreamResponse(
        headers={"Content-Type": "application/json", "Job-Id": job(request)}
    )
    await answer.prepare(request)
    while True:
        await answer.write(b" " * (1 << 20))


def job(request: web.Request) -> str:
    """Return the id of the job in the path of the request."""
    return [*request.path.split("/"), ""][2]
