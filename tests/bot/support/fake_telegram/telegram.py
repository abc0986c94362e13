"""The server, in a thread of its own, so that a test may block without stopping the world."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any, Self, TypeVar

from aiohttp import ClientSession, web

from tests.bot.support.fake_telegram.calls import Call, Calls
from tests.bot.support.fake_telegram.faults import Fault, Rates
from tests.bot.support.fake_telegram.messages import Chat, Message, write_transcript
from tests.bot.support.fake_telegram.methods import Methods, cancelled
from tests.bot.support.fake_telegram.refusals import UPLOAD, Refused
from tests.bot.support.fake_telegram.schema import Validator
from tests.bot.support.fake_telegram.users import User

TOKEN = "4242:canary-AAF9xQ7-token-nobody-may-see"  # noqa: S105 - of a bot that is not there
WAIT_SECONDS = 10.0  #: seconds that a test waits
SLACK = 1_000_000  #: bytes of a form beside its file

T = TypeVar("T")


class _DroppedError(Exception):
    """The connection ends without an answer."""


class Telegram(Methods):
    """Everything behind the address.

    Attributes:
        calls: all calls of the bot.
        rates: how many messages the bot may send.
        down: every connection ends at once.
        pressed: the queries of all presses, by their ids.
        validator: looks at all calls; what it finds fails the test.
        folder: where a local server keeps its files.
    """

    def __init__(self, token: str = TOKEN, folder: Path | None = None) -> None:
        super().__init__()
        self.token, self.folder = token, folder
        self.local = folder is not None
        self.calls, self.rates = Calls(), Rates()
        self.down = False
        self.users: dict[int, User] = {}
        self.pressed: dict[str, dict[str, Any]] = {}
        self.validator = Validator()
        self._faults: list[Fault] = []
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telegram", daemon=True)
        self._port = 0

    # as tests use it

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(WAIT_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(WAIT_SECONDS)
        self.validator.require_none()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    def user(self, number: int, language: str = "en", name: str = "Ann") -> User:
        """A user in a private chat with the bot."""
        if number not in self.users:
            self.chats[number] = Chat(number, title=name)
            self.users[number] = User(self, number, language, name, number)
        return self.users[number]

    def group(self, number: int, *users: User, title: str = "Friends") -> list[User]:
        """The same people, in a group."""
        self.chats[number] = Chat(number, "supergroup", title)
        return [User(self, user.id, user.language, user.name, number) for user in users]

    def channel(self, number: int, *users: User, title: str = "News") -> list[User]:
        """The same people, who write to a channel directly."""
        inside = self.group(number, *users, title=title)
        self.chats[number].direct = True
        return inside

    def fails(self, method: str = "", **how: Any) -> Fault:
        """From now on some calls go wrong; see Fault."""
        fault = Fault(method, **how)
        self._faults.append(fault)
        return fault

    def heals(self) -> None:
        """Nothing goes wrong any more."""
        self._faults.clear()
        self.down = False
        self.rates = Rates()

    def push(self, **update: Any) -> int:
        """An update as it is; gives its id."""
        return self.soon(lambda: self.updates.add(update))

    def soon(self, work: Callable[[], T]) -> T:
        """Do *work* in the server's thread."""

        async def done() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(WAIT_SECONDS)

    async def post(self, update: dict[str, Any], secret: str | None = None) -> int:
        """Post to the webhook, beside the queue; gives the status."""

        async def posted() -> int:
            async with ClientSession() as session:
                return await self.updates.post(session, update, secret)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(posted(), self._loop))

    async def until(
        self, fact: Callable[[], T], within: float = WAIT_SECONDS, what: object = ""
    ) -> T:
        """Wait until *fact* returns a true value, and return it."""
        deadline = time.monotonic() + within
        while not (value := fact()):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"after {within:g} s not: {what or fact}\n{self.describe_calls()}"
                )
            await asyncio.sleep(0.01)
        return value

    async def quiet(self, seconds: float = 0.3, within: float = WAIT_SECONDS) -> None:
        """Wait until the bot has sent nothing for so long."""
        deadline = time.monotonic() + within
        while (calls := [c for c in self.calls if c.method != "getUpdates"]) and (
            time.monotonic() - calls[-1].at < seconds
        ):
            assert time.monotonic() < deadline, "the bot does not stop talking"
            await asyncio.sleep(0.02)

    def transcript(self, chat: int) -> list[Message]:
        """What people see in *chat* now."""
        return list(self.chats[chat].shown())

    def keep_transcript(self, chat: int, folder: Path) -> Path:
        """Write it as transcript.json, with the media beside it."""
        return write_transcript(self.transcript(chat), folder)

    def describe_calls(self, last: int = 30) -> str:
        """Describe the last calls, for the message of a failed test."""
        calls = [call for call in self.calls if call.method != "getUpdates"][-last:]
        return "\n".join(
            f"{c.at:.2f} {c.method} {c.chat} → {c.status} {c.description} "
            f"{str({k: v for k, v in c.arguments.items() if k != 'chat_id'})[:160]}"
            for c in calls
        )

    def is_shown_to_bot(self, message: Message) -> bool:
        """Whether privacy mode lets the bot see *message*: in groups commands and replies to it."""
        chat = self.chats[message.chat]
        answered = chat.messages.get(message.reply_to or 0)
        is_meant = message.text.startswith("/") or (answered is not None and answered.by_bot)
        return bool(self.me["can_read_all_group_messages"]) or chat.type == "private" or is_meant

    def person(self, number: int) -> dict[str, Any]:
        """A user in the form of the Bot API."""
        return self.users[number].as_api()

    # as the bot sees it

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=1 << 31)
        app.router.add_route("*", "/bot{token}/{method}", self._method)
        app.router.add_get("/file/bot{token}/{path:.+}", self._file)
        runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port = runner.addresses[0][1]
        self._started.set()
        await self._stop.wait()
        await cancelled(self.updates._posting)  # noqa: SLF001 - it ends with us
        await runner.cleanup()

    async def _method(self, request: web.Request) -> web.StreamResponse:
        call = self.calls.began(request.match_info["method"])
        try:
            return await self._answered(request, call)
        except Refused as refused:
            return _answer(call, refused)
        except _DroppedError:
            return _dropped(request, call)
        finally:
            call.ended = time.monotonic()

    async def _answered(self, request: web.Request, call: Call) -> web.Response:
        """The answer, spoiled where that is wanted."""
        if request.match_info["token"] != self.token:
            raise Refused(401, "Unauthorized")
        await _read(request, call, 1 << 31 if self.local else UPLOAD)
        self.validator.check(call)
        fault = self._fault(call) or Fault()
        await asyncio.sleep(fault.delay)
        if self.down or fault.drop == "before":
            raise _DroppedError
        if fault.status:
            raise _scripted(fault)
        if wait := self.rates.wait(call):
            raise _too_many(wait)
        call.result = await self.do(call, lambda: _gone(request))
        if fault.drop == "after":
            raise _DroppedError
        answer = _answer(call)
        return web.Response(text="<html>") if fault.garbage else answer

    def _fault(self, call: Call) -> Fault | None:
        fault = next((fault for fault in self._faults if fault.fits(call)), None)
        if fault:
            fault.hit += 1
        return fault

    async def _file(self, request: web.Request) -> web.StreamResponse:
        call = self.calls.began("file")
        call.arguments = {"path": request.match_info["path"]}
        fault = Fault(drop="before") if self.down else self._fault(call)
        if fault:
            await asyncio.sleep(fault.delay)
        if fault and fault.drop:
            return _dropped(request, call)
        media = self.files.get(request.match_info["path"].rpartition("/")[2])
        status = fault.status if fault else 0
        if request.match_info["token"] != self.token:
            status = 401
        if media is None:
            status = 404
        call.status, call.ended = status or 200, time.monotonic()
        if status or media is None:
            payload = {"ok": False, "error_code": status, "description": "Not Found"}
            return web.json_response(payload, status=status)
        return web.Response(body=media.content, content_type="application/octet-stream")


async def _read(request: web.Request, call: Call, limit: int) -> None:
    """Fill in what came with the request."""
    call.arguments.update(request.query)
    if request.content_type == "application/json":
        call.arguments.update(await request.json())
    elif request.content_type == "multipart/form-data":
        body = await _body(request, limit)
        for name, filename, content in _parts(body, request.headers["Content-Type"]):
            if filename is None:
                call.arguments[name] = content.decode()
            else:
                call.files[name] = (filename, content)
    else:
        call.arguments.update(await request.post())


async def _body(request: web.Request, limit: int) -> bytes:
    """The whole of it; who sends more than that is cut off."""
    chunks, size = [], 0
    async for chunk in request.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit + SLACK:
            raise Refused(413, "Request Entity Too Large")
    return b"".join(chunks)


def _parts(body: bytes, kind: str) -> Iterator[tuple[str, str | None, bytes]]:
    """Name, file name and content of each part of a form (RFC 7578)."""
    boundary = kind.partition("boundary=")[2].strip('"').encode()
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        payload = BytesParser(policy=HTTP).parsebytes(head)["Content-Disposition"].params
        yield payload["name"], payload.get("filename"), content.removesuffix(b"\r\n")


def _answer(call: Call, refused: Refused | None = None) -> web.Response:
    call.status = refused.status if refused else 200
    if refused is None:
        return web.json_response({"ok": True, "result": call.result})
    call.description = refused.description
    payload = {"ok": False, "error_code": refused.status, "description": refused.description}
    if refused.parameters:
        payload["parameters"] = refused.parameters
    return web.json_response(payload, status=refused.status)


def _scripted(fault: Fault) -> Refused:
    if fault.status == 429:
        return _too_many(fault.retry_after)
    parameters = {"migrate_to_chat_id": fault.migrate_to} if fault.migrate_to else {}
    return Refused(fault.status, fault.description or "Internal Server Error", **parameters)


def _too_many(wait: int) -> Refused:
    return Refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)


def _dropped(request: web.Request, call: Call) -> web.Response:
    call.status = 0
    if request.transport:
        request.transport.abort()
    return web.Response(status=500)


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
