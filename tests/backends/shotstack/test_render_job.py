"""One result is asked for once, whatever is lost on the way, and whoever is killed when."""

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
    """An honest one."""
    async with FakeShotstack() as fake:
        yield fake


@pytest.fixture
def intents(tmp_path: Path) -> RenderLog:
    """None yet."""
    return RenderLog(tmp_path / "shotstack.json")


@pytest.fixture
async def callback(intents: RenderLog) -> AsyncIterator[str]:
    """The address at which callbacks are heard."""
    async with serve_callbacks(CallbackReceiver(SecretStr(KEY), intents)) as address:
        yield address


async def test_a_render(fake: FakeShotstack, tmp_path: Path, intents: RenderLog) -> None:
    """It is asked for, looked at until it is done, and written down."""
    async with open_fake_client(fake, tmp_path) as at:
        state = await render_edit(at, intents, "a", make_edit())
    assert state.status == "done"
    assert state.url
    assert fake.billed_seconds == [1.0]
    assert intents.get("a").render == state.id


async def test_done_before_is_not_asked_for_again(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """The same intent leads to the same render, also for another edit, and in another process."""
    async with open_fake_client(fake, tmp_path) as at:
        first = await render_edit(at, intents, "a", make_edit())
        second = await render_edit(at, RenderLog(tmp_path / "shotstack.json"), "a", make_edit(2))
    assert first == second
    assert len(fake.find_requests("render")) == 1


async def test_many_who_want_the_same(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """Tasks that start at the same moment, and wait in the same line, share one render."""
    async with open_fake_client(fake, tmp_path, limits=RequestLimits(2, 120, 0.3)) as at:
        await at.submit_render(make_edit())
        await at.submit_render(make_edit())  # now all wait for a place
        states = await asyncio.gather(
            *(render_edit(at, intents, "a", make_edit()) for _ in range(8))
        )
    assert len({state.id for state in states}) == 1
    assert len(fake.find_requests("render")) == 3


@pytest.mark.parametrize("answer", ["dropped", "garbage", "broken", "hanging"])
async def test_a_lost_answer_is_found_by_the_callback(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, callback: str, answer: str
) -> None:
    """The render was accepted and nobody told us its id; its callback does (S04)."""
    fake.outcomes.append(RenderOutcome(response=answer))  # type: ignore[arg-type]
    async with open_fake_client(fake, tmp_path, response=0.6) as at:
        state = await render_edit(at, intents, "a", make_edit(), callback_url=callback)
    assert state.id in fake.renders
    assert fake.billed_seconds == [1.0]


@pytest.mark.parametrize("heard", [True, False])
async def test_a_lost_answer_that_nobody_tells_of_ends_without_a_second_bill(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, callback: str, *, heard: bool
) -> None:
    """Asked again, today or after a restart, it is not rendered again: make it elsewhere (S04)."""
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
async def test_after_a_clear_refusal_it_may_be_asked_for_again(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, answer: Handler, kind: type[Exception]
) -> None:
    """Nothing was accepted, so nothing stands in the way (S01)."""
    fake.override("render", answer, times=1)
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(kind):
            await render_edit(at, intents, "a", make_edit())
        assert len(fake.find_requests("render")) == 1
        await render_edit(at, intents, "a", make_edit())
    assert fake.billed_seconds == [1.0]


async def test_nobody_there(fake: FakeShotstack, tmp_path: Path, intents: RenderLog) -> None:
    """Where no connection came about nothing was accepted, so it may be asked for again."""
    real, fake.url = fake.url, "http://127.0.0.1:9"
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackUnavailable):
            await render_edit(at, intents, "a", make_edit())
    fake.url = real
    async with open_fake_client(fake, tmp_path) as at:
        await render_edit(at, intents, "a", make_edit())
    assert fake.billed_seconds == [1.0]


async def test_a_busy_place_is_waited_for(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """A 429 is a clear refusal, after which the render is asked for again (S02)."""
    fake.override("render", answer_status(429, Retry_After="0"), times=2)
    async with open_fake_client(fake, tmp_path, limits=SCALED) as at:
        await render_edit(at, intents, "a", make_edit())
    assert len(fake.find_requests("render")) == 3
    assert fake.billed_seconds == [1.0]


@pytest.mark.parametrize(
    "answer", [answer_status(500), answer_status(503), cut, answer_status(429, Retry_After="0")]
)
async def test_looks_that_fail_do_not_matter(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, answer: Handler
) -> None:
    """A render goes on while nobody can look at it (S03)."""
    fake.override("status", answer, times=7)
    async with open_fake_client(fake, tmp_path, limits=SCALED) as at:
        state = await render_edit(at, intents, "a", make_edit())
    assert state.status == "done"
    assert fake.billed_seconds == [1.0]


async def test_a_render_that_fails_for_good(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """Its words are in the error without links, and it is not tried again (S05)."""
    text = "Asset could not be read: https://files.example.com/x?Signature=abc"
    fake.outcomes.append(RenderOutcome(final_status="failed", error=text))
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackFailed, match="Asset could not be read: <link>"):
            await render_edit(at, intents, "a", make_edit())
        with pytest.raises(ShotstackFailed):
            await render_edit(at, intents, "a", make_edit())
    assert len(fake.renders) == 1


async def test_a_render_that_fails_in_passing_is_tried_once_more(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """A failed render is not billed, so a second one costs what one costs."""
    fake.outcomes.append(RenderOutcome(final_status="failed", error=TEMPORARY))
    async with open_fake_client(fake, tmp_path) as at:
        await render_edit(at, intents, "a", make_edit())
    assert len(fake.renders) == 2
    assert fake.billed_seconds == [1.0]


async def test_a_third_time_is_not_tried(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """Twice the same words are believed, also after a restart."""
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
    """Stuck, or in a state that nobody knows, it is given up at the deadline (S06)."""
    fake.outcomes.append(RenderOutcome(final_status=end))
    began = time.monotonic()
    async with open_fake_client(fake, tmp_path, deadline=0.8) as at:
        with pytest.raises(ShotstackUnavailable, match="not done in time"):
            await render_edit(at, intents, "a", make_edit())
    assert 0.7 < time.monotonic() - began < 2


async def test_a_restart_does_not_prolong_the_deadline_but_looks_once(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """What was finished while nobody was there is taken."""
    async with open_fake_client(fake, tmp_path, deadline=0.1) as at:
        with pytest.raises(ShotstackUnavailable):
            await render_edit(at, intents, "a", make_edit())
        await asyncio.sleep(1)
        assert (await render_edit(at, intents, "a", make_edit())).status == "done"
    assert len(fake.find_requests("render")) == 1


async def test_a_render_that_is_gone(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog
) -> None:
    """After the grace a 404 is believed, and nothing is asked for again."""
    async with open_fake_client(fake, tmp_path) as at:
        fake.override("status", answer_status(404))
        with pytest.raises(ShotstackNotFound):
            await render_edit(at, intents, "a", make_edit())
    assert len(fake.find_requests("render")) == 1


async def test_a_template_has_no_callback(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, callback: str
) -> None:
    """It is rendered by its id; an answer that is lost stays lost, without a second bill."""
    fake.templates["t"] = make_edit(src="{{HEAD}}")
    head = TemplateEdit("t", {"HEAD": "https://films.example.com/head.mp4"})
    fake.outcomes.extend([RenderOutcome(), RenderOutcome(response="dropped")])
    async with open_fake_client(fake, tmp_path) as at:
        await render_edit(at, intents, "a", head, callback_url=callback)
        for _ in range(2):
            with pytest.raises(OutcomeUnknown):
                await render_edit(at, intents, "b", head, callback_url=callback)
    assert fake.billed_seconds == [1.0, 1.0]


async def test_what_cannot_be_written_down_is_not_asked_for(
    fake: FakeShotstack, tmp_path: Path
) -> None:
    """Without a record a restart might ask again."""
    (tmp_path / "file").touch()
    intents = RenderLog(tmp_path / "file" / "shotstack.json")
    async with open_fake_client(fake, tmp_path) as at:
        with pytest.raises(ShotstackUnavailable, match="cannot be kept"):
            await render_edit(at, intents, "a", make_edit())
    assert fake.find_requests("render") == []


# Callbacks


async def told(address: str, intent: str, body: object) -> int:
    """What a callback is answered."""
    async with (
        ClientSession() as session,
        session.post(f"{address}/{intent}", json=body) as answer,
    ):
        return answer.status


def done(render: str) -> dict[str, str]:
    return {"type": "edit", "action": "render", "id": render, "status": "done"}


async def test_a_callback_ends_the_waiting(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, callback: str
) -> None:
    """Nobody waits for the next look when Shotstack says that it is done."""
    async with open_fake_client(fake, tmp_path, poll=30, max_poll=30, deadline=60) as at:
        began = time.monotonic()
        await render_edit(at, intents, "a", make_edit(), callback_url=callback)
    assert time.monotonic() - began < 5
    assert fake.callbacks == [(f"{callback}/a", 200)]


async def test_a_forged_callback_is_only_a_hint(
    fake: FakeShotstack, tmp_path: Path, intents: RenderLog, callback: str
) -> None:
    """That a render is done is believed from Shotstack alone (S08)."""
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
    """An id that Shotstack does not know, or that is another's, leads nowhere (S08)."""
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
    """It comes while nobody waits, and counts when somebody does."""
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


async def test_who_may_tell(intents: RenderLog) -> None:
    """The secret and an intent that there is; anything else is not there (S08)."""
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


async def test_hints_are_few(intents: RenderLog) -> None:
    """Nobody fills the disk with them."""
    intents.claim("a", "")
    for i in range(100):
        intents.add_hint("a", f"r{i}")
    assert len(intents.get("a").hints) == 4


# What is written down


def test_sources_are_remembered(tmp_path: Path) -> None:
    """What was uploaded for an intent is known until it is deleted, however old it is."""
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


def test_old_intents_are_forgotten(tmp_path: Path) -> None:
    """After twice the time that a result lies there, nobody asks."""
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
    """Starts a process that wants one render, the same each time."""

    async def started(*more: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, str(JOB), fake.url, str(tmp_path), "a", *more),
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
        )

    return started


async def ended(process: asyncio.subprocess.Process) -> str:
    """What it printed."""
    printed, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return printed.decode().strip()


async def test_killed_while_it_is_accepted(
    fake: FakeShotstack, callback: str, start: Callable[..., Awaitable[asyncio.subprocess.Process]]
) -> None:
    """The request was out, the answer was not back; the callback finds it (S04)."""
    fake.outcomes.append(RenderOutcome(response="hanging"))
    process = await start(callback)
    while not fake.renders:
        await asyncio.sleep(0.01)
    process.kill()
    await process.wait()
    assert await ended(await start(callback)) in fake.renders
    assert fake.billed_seconds == [1.0]


async def test_killed_while_it_renders(fake: FakeShotstack, start: Start) -> None:
    """The next process looks at the same render (S03)."""
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
    """Again and again, and never a second bill."""
    chance = random.Random(seed)  # noqa: S311
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
