"""A Bot API server that answers as a test scripts it, and records the calls."""

import asyncio
import logging
import time
import traceback
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiohttp import web

from bot.telegram.client import BotApiSession, create_bot_api_session
from bot.telegram.retry import RetryLimits
from tests.bot.support.fake_telegram import Call
from tests.bot.support.fake_telegram.schema import Validator

SECRET = "AAHcanary-of-the-token-that-nobody-may-see"  # noqa: S105 - of a bot that is not there
TOKEN = f"4242:{SECRET}"
QUICK_RETRIES = RetryLimits(attempts=4, max_retry_after=2, max_seconds=10, first_pause=0.01)
CHAT = 7

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class ReceivedCall:
    """One call.

    Attributes:
        method: of the Bot API.
        fields: of its form; a file is its name and its bytes.
        at: when, on the clock that only goes forward.
    """

    method: str
    fields: dict[str, Any]
    at: float = field(default_factory=time.monotonic)

    def as_call(self) -> Call:
        """The same as the validator takes it."""
        files = {name: value for name, value in self.fields.items() if isinstance(value, tuple)}
        arguments = {name: v for name, v in self.fields.items() if name not in files}
        return Call(self.at, self.method, arguments, files)


@dataclass
class ScriptedServer:
    """What the server is to answer, and what it was asked.

    Attributes:
        url: where it is.
        asked: every call that was read, in order.
        begun: how many there were of each method, read or not.
        answers: to calls of a method, in order; the last one is repeated.
        files: to downloads, by path.
        paths: of the downloads.
        blind: calls are read and forgotten, byte by byte.
        validator: looks at every call that was read; what it finds fails the test.
    """

    url: str = ""
    calls: list[ReceivedCall] = field(default_factory=list)
    attempts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    answers: dict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    files: dict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    paths: list[str] = field(default_factory=list)
    is_blind: bool = False
    validator: Validator = field(default_factory=Validator)

    def answer(self, method: str, *answers: Answer) -> None:
        """Answer calls of *method* so."""
        self.answers[method].extend(answers)

    def of(self, method: str) -> list[ReceivedCall]:
        """The calls of it."""
        return [call for call in self.calls if call.method == method]

    @property
    def last_fields(self) -> dict[str, Any]:
        """The last call's form."""
        return self.calls[-1].fields

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Read a call and answer it."""
        method = request.match_info["method"]
        self.attempts[method] += 1
        answer = _next(self.answers[method]) or answer_with(message())
        if self.is_blind:
            async for _ in request.content.iter_chunked(1 << 16):
                pass
        elif answer is not drop_before_reading:
            call = ReceivedCall(method, await _form(request))
            self.calls.append(call)
            self.validator.check(call.as_call())
        return await answer(request)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Hand a file out."""
        path = request.match_info["path"]
        self.paths.append(path)
        return await (_next(self.files[path]) or status(404))(request)


@asynccontextmanager
async def run_scripted_server(port: int = 0) -> AsyncIterator[ScriptedServer]:
    """Run one."""
    server = ScriptedServer()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/bot{token}/{method}", server.call)
    app.router.add_get("/file/bot{token}/{path:.*}", server.file)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
    server.validator.require_none()


@asynccontextmanager
async def connect_bot(
    url: str, retry_limits: RetryLimits = QUICK_RETRIES, *, local: bool = False
) -> AsyncIterator[Bot]:
    """A bot that calls *url*."""
    made = create_bot_api_session(url, is_local=local, retry_limits=retry_limits)
    connections = await made.create_session()
    try:
        yield Bot(TOKEN, made, DefaultBotProperties(parse_mode="HTML"))
    finally:
        await connections.close()  # the session itself would wait for TLS, which is not there


def get_session(bot: Bot) -> BotApiSession:
    """Its session."""
    assert isinstance(bot.session, BotApiSession)
    return bot.session


def message(**content: Any) -> dict[str, Any]:
    """A message of the bot, in the form of the Bot API."""
    return {"message_id": 12, "date": 1, "chat": {"id": CHAT, "type": "private"}, **content}


def answer_with(result: Any) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True, "result": result})

    return answer


def refuse_with(code: int, description: str, **parameters: int) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        answer = {"ok": False, "error_code": code, "description": description}
        return web.json_response(answer | {"parameters": parameters}, status=code)

    return answer


def refuse_for(seconds: int) -> Answer:
    """Too many requests."""
    why = f"Too Many Requests: retry after {seconds}"
    return refuse_with(429, why, retry_after=seconds)


def status(code: int, text: str = "<html>a server in between</html>", **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=text, content_type="text/html", headers=headers)

    return answer


def delay(seconds: float, then: Answer) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await then(request)

    return answer


async def drop_after_reading(request: web.Request) -> web.StreamResponse:
    """Read the request, and close the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def drop_before_reading(request: web.Request) -> web.StreamResponse:
    """It has not even read the call."""
    return await drop_after_reading(request)


def send_file(content: bytes, *, announced: int | None = None, pause: float = 0) -> Answer:
    """Send a file, of another length than announced or slowly."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(content) if announced is None else announced
        await response.prepare(request)
        step = 1000 if pause else len(content)
        for start in range(0, len(content), step):
            await response.write(content[start : start + step])
            await asyncio.sleep(pause)
        if announced is not None and announced != len(content):
            return await drop_after_reading(request)
        return response

    return answer


def collect_text(err: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """All that a log, a crash report or a curious handler could find in *err*."""
    parts = [caplog.text, *traceback.format_exception(err)]
    waiting: list[BaseException | None] = [err]
    while waiting:
        if (one := waiting.pop()) is None:
            continue
        parts += [str(one), repr(one), repr(vars(one)), repr(one.args)]
        waiting += [one.__cause__, one.__context__]
    return "\n".join(parts)


@pytest.fixture
def debug_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Everything is logged."""
    caplog.set_level(logging.DEBUG)
    return caplog


def _next(answers: deque[Answer]) -> Answer | None:
    if not answers:
        return None
    return answers.popleft() if len(answers) > 1 else answers[0]


async def _form(request: web.Request) -> dict[str, Any]:
    form = await request.post()
    return {
        key: (value.filename, value.file.read()) if isinstance(value, web.FileField) else value
        for key, value in form.items()
    }
