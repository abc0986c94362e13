"""A result is requested once, whatever is lost or killed on the way."""

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from pydantic import SecretStr

from backends.shotstack.client import RequestLimits
from backends.shotstack.errors import (
    OutcomeUnknown,
    ShotstackFailed,
    ShotstackInvalid,
    ShotstackNotFound,
    ShotstackRefused,
    ShotstackUnavailable,
)
from backends.shotstack.render_job import TemplateEdit, render_edit
from backends.shotstack.render_log import (
    MAX_CALLBACK_BYTES,
    CallbackReceiver,
    RenderIntent,
    RenderLog,
)
from tests.backends.support.fake_shotstack import KEY, FakeShotstack, RenderOutcome
from tests.backends.support.misbehaving_service import Handler, answer_status, cut
from tests.backends.support.programs import PROGRAMS
from tests.backends.support.shotstack_client import make_edit, open_fake_client, serve_callbacks
from tests.support.paths import ROOT

JOB = PROGRAMS / "run_render_job.py"
SCALED = RequestLimits(150, 120, 0.5)
TEMPORARY = "The service is temporarily unavailable, please try again"


@pytest.fixture
async def fake() -> AsyncIterator[FakeShotstack]:
    """A fake Shotstack without faults."""
    async with FakeShotstack() as fake:
        yield fake


@pytest.fixture
def intents(tmp_path: Path) -> RenderLog:
    """An empty log."""
    return RenderLog(tmp_path / "shotstack.json")


@pytest.fixture
async def callback(intents: RenderLog) -> AsyncIterator[str]:
    """The address of the receiver of callbacks."""
    async with serve_callbacks(CallbackReceiver(SecretStr(KEY), intents)) as address:
        yield address


async def test_a_render(fake: FakeShotstack, tmp_path: Path, intents: RenderLog) -> None:
    """It is requested, polled until it is done, and recorded."""
    async with open_fake_client(fake, tmp_path) as at:
        state = await render_edit(at, intents, "a", make_edit())
    assert state.status == "done"
    assert state.url
    assert fake.billed_seconds == [1.0]
    assert intents.get("a").render == state.id


async def test_a_finished_render_is_not_requested_again(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """The same intent leads to the same render, also for another edit, and in another process."""
    async with open_fake_client(fake, tmp_path) as at:
        first = await render_edit(at, intents, "a", make_edit())
        second = await render_edit(at, RenderLog(tmp_path / "shotstack.json"), "a", make_edit(2))
    assert first == second
    assert len(fake.find_requests("render")) == 1


async def test_many_tasks_with_the_same_intent(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """Tasks that start together and wait for the rate limit share one render."""
    async with open_fake_client(fake, tmp_path, limits=RequestLimits(2, 120, 0.3)) as at:
        await at.submit_render(make_edit())
        await at.submit_render(make_edit())  # now all wait for a slot
        states = await asyncio.gather(
            *(render_edit(at, intents, "a", make_edit()) for _ in range(8))
        )
    assert len({state.id for state in states}) == 1
    assert len(fake.find_requests("render")) == 3


@pytest.mark.parametrize("answer", ["dropped", "garbage", "broken", "hanging"])
async def test_a_callback_finds_the_render_of_a_lost_answer(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, callback: str, answer: str
) -> None:
    """The render was accepted and the answer lost; the callback has its id."""
    fake.outcomes.append(RenderOutcome(response=answer))  # type: ignore[arg-type]
    async with open_fake_client(fake, tmp_path, response=0.6) as at:
        state = await render_edit(at, intents, "a", make_edit(), callback_url=callback)
    assert state.id in fake.renders
    assert fake.billed_seconds == [1.0]


@pytest.mark.parametrize("heard", [True, False])
async def test_a_lost_answer_without_a_callback_has_no_second_bill(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, callback: str, *, heard: bool
) -> None:
    """Requested again, also after a restart, it is not rendered again."""
    fake.outcomes.append(RenderOutcome(response="dropped", has_callback=False))
    address = callback if heard else None
    async with open_fake_client(fake, tmp_path, adoption=0.3) as at:
        for again in (intents, intents, RenderLog(tmp_path / "shotstack.json")):
            with pytest.raises(OutcomeUnknown):
                await render_edit(at, again, "a", make_edit(), callback_url=address)
    assert fake.billed_seconds == [1.0]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(answer_status(400), ShotstackInvalid), (answer_status(401), ShotstackRefused)],
)
async def test_after_a_clear_refusal_it_can_be_requested_again(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, answer: Handler, kind: type[Exception]
) -> None:
    """Nothing was accepted, so it can be requested again."""
    fake.override("render", answer, times=1)
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(kind):
            await render_edit(at, intents, "a", make_edit())
        assert len(fake.find_requests("render")) == 1
        await render_edit(at, intents, "a", make_edit())
    assert fake.billed_seconds == [1.0]


async def test_a_failed_connection(fake: FakeShotstack, tmp_path: Path, intents: RenderLog) -> None:
    """Without a connection nothing was accepted, so it can be requested again."""
    real, fake.url = fake.url, "http://127.0.0.1:9"
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackUnavailable):
            await render_edit(at, intents, "a", make_edit())
    fake.url = real
    async with open_fake_client(fake, tmp_path) as at:
        await render_edit(at, intents, "a", make_edit())
    assert fake.billed_seconds == [1.0]


async def test_a_429_is_waited_out(fake: FakeShotstack, tmp_path: Path, intents: RenderLog) -> None:
    """A 429 is a clear refusal, after which the render is requested again."""
    fake.override("render", answer_status(429, Retry_After="0"), times=2)
    async with open_fake_client(fake, tmp_path, limits=SCALED) as at:
        await render_edit(at, intents, "a", make_edit())
    assert len(fake.find_requests("render")) == 3
    assert fake.billed_seconds == [1.0]


@pytest.mark.parametrize(
    "answer", [answer_status(500), answer_status(503), cut, answer_status(429, Retry_After="0")]
)
async def test_failed_polls_are_repeated(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, answer: Handler
) -> None:
    """A render continues while polls fail."""
    fake.override("status", answer, times=7)
    async with open_fake_client(fake, tmp_path, limits=SCALED) as at:
        state = await render_edit(at, intents, "a", make_edit())
    assert state.status == "done"
    assert fake.billed_seconds == [1.0]


async def test_a_render_that_fails_permanently(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """The error has its message without links, and it is not tried again."""
    text = "Asset could not be read: https://files.example.com/x?Signature=abc"
    fake.outcomes.append(RenderOutcome(final_status="failed", error=text))
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackFailed, match="Asset could not be read: <link>"):
            await render_edit(at, intents, "a", make_edit())
        with pytest.raises(ShotstackFailed):
            await render_edit(at, intents, "a", make_edit())
    assert len(fake.renders) == 1


async def test_a_transient_failure_is_tried_once_more(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """A failed render is not billed, so the second one is paid once."""
    fake.outcomes.append(RenderOutcome(final_status="failed", error=TEMPORARY))
    async with open_fake_client(fake, tmp_path) as at:
        await render_edit(at, intents, "a", make_edit())
    assert len(fake.renders) == 2
    assert fake.billed_seconds == [1.0]


async def test_there_is_no_third_attempt(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """A second failure is final, also after a restart."""
    fake.outcomes.extend([RenderOutcome(final_status="failed", error=TEMPORARY)] * 5)
    async with open_fake_client(fake, tmp_path) as at:
        for again in (intents, RenderLog(tmp_path / "shotstack.json")):
            with pytest.raises(ShotstackFailed):
                await render_edit(at, again, "a", make_edit())
    assert len(fake.renders) == 2


@pytest.mark.parametrize("end", ["rendering", "queued", "pondering", ""])
async def test_a_render_that_never_ends(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, end: str
) -> None:
    """Stuck, or in an unknown state, it is abandoned at the deadline."""
    fake.outcomes.append(RenderOutcome(final_status=end))
    began = time.monotonic()
    async with open_fake_client(fake, tmp_path, deadline=0.8) as at:
        with pytest.raises(ShotstackUnavailable, match="not finished in time"):
            await render_edit(at, intents, "a", make_edit())
    assert 0.7 < time.monotonic() - began < 2


async def test_a_restart_does_not_prolong_the_deadline_but_polls_once(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """A render that finished while no process ran is used."""
    async with open_fake_client(fake, tmp_path, deadline=0.1) as at:
        with pytest.raises(ShotstackUnavailable):
            await render_edit(at, intents, "a", make_edit())
        await asyncio.sleep(1)
        assert (await render_edit(at, intents, "a", make_edit())).status == "done"
    assert len(fake.find_requests("render")) == 1


async def test_a_render_that_is_not_found(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """After the grace period a 404 is an error, and nothing is requested again."""
    async with open_fake_client(fake, tmp_path) as at:
        fake.override("status", answer_status(404))
        with pytest.raises(ShotstackNotFound):
            await render_edit(at, intents, "a", make_edit())
    assert len(fake.find_requests("render")) == 1


async def test_a_template_has_no_callback(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, callback: str
) -> None:
    """It is rendered by its id; a lost answer remains lost, without a second bill."""
    fake.templates["t"] = make_edit(src="{{HEAD}}")
    head = TemplateEdit("t", {"HEAD": "https://films.example.com/head.mp4"})
    fake.outcomes.extend([RenderOutcome(), RenderOutcome(response="dropped")])
    async with open_fake_client(fake, tmp_path) as at:
        await render_edit(at, intents, "a", head, callback_url=callback)
        for _ in range(2):
            with pytest.raises(OutcomeUnknown):
                await render_edit(at, intents, "b", head, callback_url=callback)
    assert fake.billed_seconds == [1.0, 1.0]


async def test_without_a_record_nothing_is_requested(fake: FakeShotstack, tmp_path: Path) -> None:
    """Without a record, a restart might request it again."""
    (tmp_path / "file").touch()
    intents = RenderLog(tmp_path / "file" / "shotstack.json")
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackUnavailable, match="cannot be recorded"):
            await render_edit(at, intents, "a", make_edit())
    assert fake.find_requests("render") == []


# Callbacks


async def told(address: str, intent: str, body: object) -> int:
    """Send a callback, and return the status of the answer."""
    async with (
        ClientSession() as session,
        session.post(f"{address}/{intent}", json=body) as answer,
    ):
        return answer.status


def done(render: str) -> dict[str, str]:
    return {"type": "edit", "action": "render", "id": render, "status": "done"}


async def test_a_callback_ends_the_wait(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, callback: str
) -> None:
    """The render is polled at once when its callback arrives."""
    async with open_fake_client(fake, tmp_path, poll=30, max_poll=30, deadline=60) as at:
        began = time.monotonic()
        await render_edit(at, intents, "a", make_edit(), callback_url=callback)
    assert time.monotonic() - began < 5
    assert fake.callbacks == [(f"{callback}/a", 200)]


async def test_a_forged_callback_is_only_a_hint(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, callback: str
) -> None:
    """Only Shotstack's own state says that a render is done."""
    fake.outcomes.append(RenderOutcome(final_status="rendering"))
    async with open_fake_client(fake, tmp_path, deadline=1) as at:
        task = asyncio.create_task(
            render_edit(at, intents, "a", make_edit(), callback_url=callback)
        )
        while not intents.get("a").render:
            await asyncio.sleep(0.01)
        assert await told(callback, "a", done(intents.get("a").render or "")) == 200
        assert await told(callback, "a", done("another")) == 404
        with pytest.raises(ShotstackUnavailable):
            await task


async def test_a_forged_render_is_not_adopted(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, callback: str
) -> None:
    """An id that Shotstack does not know, or that belongs to another intent, is dropped."""
    fake.outcomes.extend([RenderOutcome(), RenderOutcome(response="dropped", has_callback=False)])
    async with open_fake_client(fake, tmp_path) as at:
        others = await render_edit(at, intents, "other", make_edit())
        task = asyncio.create_task(
            render_edit(at, intents, "a", make_edit(), callback_url=callback)
        )
        while len(fake.find_requests("render")) < 2:
            await asyncio.sleep(0.01)
        assert await told(callback, "a", done("an-invented-one")) == 200
        assert await told(callback, "a", done(others.id)) == 404
        with pytest.raises(OutcomeUnknown):
            await task
    assert intents.get("a").render is None
    assert intents.get("a").hints == ()


async def test_a_callback_before_a_restart_is_remembered(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, callback: str
) -> None:
    """It arrives while no task waits, and is used by the next one."""
    fake.outcomes.append(RenderOutcome(response="dropped"))
    async with open_fake_client(fake, tmp_path, adoption=0) as at:
        with pytest.raises(OutcomeUnknown):
            await render_edit(at, intents, "a", make_edit(), callback_url=callback)
        while not fake.callbacks:
            await asyncio.sleep(0.05)
        again = RenderLog(tmp_path / "shotstack.json")
        assert (
            await render_edit(at, again, "a", make_edit(), callback_url=callback)
        ).status == "done"
    assert fake.billed_seconds == [1.0]


async def test_authentication_of_callbacks(intents: RenderLog) -> None:
    """Only with the secret and a known intent; anything else is a 404."""
    callbacks = CallbackReceiver(SecretStr(KEY), intents)
    intents.claim("a", "")
    body = b'{"type": "edit", "action": "render", "id": "r"}'
    assert callbacks.receive("wrong", "a", body) == 404
    assert callbacks.receive("\udcff", "a", body) == 404
    assert callbacks.receive(callbacks.secret, "b", body) == 404
    assert callbacks.receive(callbacks.secret, "a", b"{") == 400
    assert callbacks.receive(callbacks.secret, "a", b'{"type": "edit", "id": "../x"}') == 400
    assert callbacks.receive(callbacks.secret, "a", b" " * (MAX_CALLBACK_BYTES + 1)) == 413
    copy = b'{"type": "serve", "action": "copy", "id": "r"}'
    assert callbacks.receive(callbacks.secret, "a", copy) == 200
    assert intents.get("a").hints == ()
    assert [callbacks.receive(callbacks.secret, "a", body) for _ in range(3)] == [200, 200, 200]
    assert intents.get("a").hints == ("r",)
    assert KEY not in callbacks.secret
    assert CallbackReceiver(SecretStr(KEY), intents).secret == callbacks.secret
    assert CallbackReceiver(SecretStr("b"), intents).secret != callbacks.secret


async def test_the_number_of_hints_is_limited(intents: RenderLog) -> None:
    """Forged callbacks cannot fill the disk."""
    intents.claim("a", "")
    for i in range(100):
        intents.add_hint("a", f"r{i}")
    assert len(intents.get("a").hints) == 4


# The log


def test_sources_are_recorded(tmp_path: Path) -> None:
    """An upload of an intent stays in the log until it is deleted, at any age."""
    times = [1000.0]
    intents = RenderLog(tmp_path / "shotstack.json", clock=lambda: times[0])
    intents.add_source("a", "s1")
    intents.add_source("a", "s2")
    intents.add_source("b", "s3")
    intents.remove_source("a", "s1")
    times[0] += 1e7
    intents.add_source("c", "s4")
    again = RenderLog(tmp_path / "shotstack.json", clock=lambda: times[0])
    assert again.find_leftover_sources(times[0]) == {"a": ("s2",), "b": ("s3",)}
    again.forget("a")
    assert again.get("a") == RenderIntent()


def test_old_intents_are_removed(tmp_path: Path) -> None:
    """After twice the time that Shotstack stores a result."""
    times = [1000.0]
    intents = RenderLog(tmp_path / "shotstack.json", clock=lambda: times[0])
    intents.claim("a", "")
    times[0] += 86400
    intents.claim("b", "")
    assert intents.has_intent("a")
    times[0] += 86400 + 1
    intents.claim("c", "")
    assert [intents.has_intent(name) for name in "abc"] == [False, True, True]


# Kills


Start = Callable[[], Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
def start(fake: FakeShotstack, tmp_path: Path) -> Start:
    """Start a process that requests one render, the same each time."""

    async def started(*more: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, str(JOB), fake.url, str(tmp_path), "a", *more),
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
        )

    return started


async def ended(process: asyncio.subprocess.Process) -> str:
    """Return its output."""
    printed, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return printed.decode().strip()


async def test_killed_while_it_is_accepted(
    fake: FakeShotstack, callback: str, start: Callable[..., Awaitable[asyncio.subprocess.Process]]
) -> None:
    """The request was sent, the answer not received; the callback has the id."""
    fake.outcomes.append(RenderOutcome(response="hanging"))
    process = await start(callback)
    while not fake.renders:
        await asyncio.sleep(0.01)
    process.kill()
    await process.wait()
    assert await ended(await start(callback)) in fake.renders
    assert fake.billed_seconds == [1.0]


async def test_killed_while_it_renders(fake: FakeShotstack, start: Start) -> None:
    """The next process polls the same render."""
    fake.render_seconds = 3
    process = await start()
    while not fake.find_requests("status"):
        await asyncio.sleep(0.01)
    process.kill()
    await process.wait()
    assert await ended(await start()) in fake.renders
    assert fake.billed_seconds == [1.0]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
async def test_killed_at_any_time(
    fake: FakeShotstack,
    callback: str,
    start: Callable[..., Awaitable[asyncio.subprocess.Process]],
    seed: int,
) -> None:
    """Repeated kills never lead to a second bill."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    fake.render_seconds = 1

    async def pause(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(chance.uniform(0, 0.05))
        return web.Response(status=500)

    fake.override("status", pause, times=3)
    for _ in range(6):
        process = await start(callback)
        await asyncio.sleep(chance.uniform(0.4, 1.2))
        if process.returncode is None:
            process.kill()
        await process.wait()
    process = await start(callback)
    await asyncio.wait_for(process.wait(), 60)
    assert len(fake.renders) <= 1
    assert len(fake.billed_seconds) <= 1
