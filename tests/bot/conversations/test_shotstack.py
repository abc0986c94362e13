"""Talks whose videos Shotstack makes: whatever happens, one video comes, and at most one bill."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from backends.shotstack.alpha_check import AlphaCheck
from settings import RenderingSettings
from tests.backends.support.fake_shotstack import FakeShotstack, RenderOutcome
from tests.bot.support.bot_process import SECRET as HOOK_SECRET
from tests.bot.support.bot_process import WEBHOOK as HOOK
from tests.bot.support.bot_process import BotProcess
from tests.bot.support.conversation import (
    MARK,
    all_over,
    always_true,
    clip,
    hooked,
    ordered,
    result_for,
    results,
)
from tests.bot.support.fake_telegram import TOKEN, Message, Telegram, User
from tests.bot.support.kill_points import KILLS, commits_of_a_job, die_at_each
from tests.bot.support.running_bot import ADMIN, Opener
from tests.support.person_clips import film_of_eileen

KEY = "canary-shotstack-key"
PRICE = 30.0  #: dollars a minute, so that two seconds cost one
HOOKED = {"WEBHOOK_URL": HOOK, "WEBHOOK_SECRET": HOOK_SECRET}
#: quick, for the fake is near
PACE = {
    "response": 2,
    "gate": 20,
    "retry_total": 3,
    "retry_wait": 0.02,
    "transfer": 5,
    "poll": 0.1,
    "max_poll": 0.2,
    "grace": 0.5,
    "ingest": 10,
    "deadline": 20,
    "adoption": 5,
}
ONCE = 1.0  #: dollars that a clip of the stand-in costs

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def fake() -> AsyncIterator[FakeShotstack]:
    """A Shotstack that does as it should."""
    async with FakeShotstack(keys={"stage": KEY, "v1": KEY}) as fake:
        yield fake


@pytest.fixture
def ann(telegram: Telegram) -> User:
    """A user."""
    telegram.user(ADMIN)
    return telegram.user(7)


#: makes a bot that asks the fake, which does not run yet
Shot = Callable[..., BotProcess]


@pytest.fixture
def shot(open_bot: Opener, fake: FakeShotstack) -> Shot:
    """With settings of its own, and changes of its pace."""

    def opened(pace: dict[str, float] | None = None, **more: Any) -> BotProcess:
        settings = {
            "RENDERER": "shotstack",
            "SHOTSTACK_API_KEY": KEY,
            "SHOTSTACK_STAGE": "v1",
            "SHOTSTACK_PRICE": str(PRICE),
            "SHOTSTACK_ADDRESS": fake.url,
        }
        bot = open_bot(**settings | more)
        seen = RenderingSettings(_env_file=None, stage="v1")
        AlphaCheck(bot.folder / "data", seen).record("luma")
        if bot.tools:
            (bot.tools / "pace.json").write_text(json.dumps(PACE | (pace or {})))
        return bot

    return opened


# what is looked at


def is_ours(result: Message) -> bool:
    """Whether this machine made it."""
    return MARK in result.content


def sources(fake: FakeShotstack) -> list[str]:
    """The sources at Shotstack that were uploaded."""
    return [id_ for id_, place in fake.files.items() if place.content is not None]


def list_alerts(telegram: Telegram) -> list[str]:
    """The alerts that the admin received."""
    return [str(call.arguments["text"]) for call in telegram.calls.of("sendMessage", chat=ADMIN)]


def spent(bot: BotProcess) -> dict[str, float]:
    """Dollars by backend, as /stats adds them up."""
    rows = bot.rows("SELECT place, sum(dollars) AS dollars FROM measures GROUP BY place")
    return {row["place"]: row["dollars"] for row in rows if row["dollars"]}


def nothing_leaked(fake: FakeShotstack, bot: BotProcess) -> None:
    """Shotstack learnt nothing of Telegram, and the log nothing of Shotstack's secrets."""
    written = fake.dump_requests()
    for secret in (KEY, TOKEN, TOKEN.partition(":")[2], "/file/bot", str(bot.folder), HOOK_SECRET):
        assert secret not in written, f"{secret} was passed to Shotstack"
    signatures = [place.signature for place in fake.files.values()]
    paths = [path.split("?")[0] for path, _ in fake.callbacks]
    for secret in (KEY, "X-Amz", "/signed/", "/results/", *signatures, *paths):
        assert secret not in bot.log, f"{secret} was logged"
        assert not bot.telegram.calls.telling(secret), f"{secret} was sent"
        assert secret not in str(bot.runs()), f"{secret} was passed to a child"


async def all_well(telegram: Telegram, fake: FakeShotstack, bot: BotProcess) -> None:
    """What must hold at the end of every talk, and nothing stays at Shotstack."""
    await always_true(telegram, bot)
    assert not sources(fake)
    nothing_leaked(fake, bot)


# how it goes


async def test_a_whole_talk(telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User) -> None:
    """The video is Shotstack's; it is billed once, and what it cost is in the numbers."""
    bot = await shot().start().ready()
    fake.render_seconds = 3.5  # the status is edited every three seconds
    card = await ordered(ann, clip())
    status = await ann.gets("text", after=card, where=lambda m: "Putting it together" in m.text)
    result = await result_for(ann, card)
    assert not is_ours(result)
    assert result.media.width == result.media.height == 320
    assert result.media.seconds == 2
    assert result.media.thumbnail
    assert len(result.media.thumbnail) < 200_000
    assert "2 seconds" in result.text
    assert result.buttons
    await all_well(telegram, fake, bot)
    assert status.deleted
    assert fake.billed_seconds == [pytest.approx(2, abs=0.01)]
    assert not bot.runs("edit")
    (row,) = bot.rows("SELECT * FROM measures WHERE stage = 'compose'")
    assert (row["place"], row["dollars"]) == ("shotstack", pytest.approx(ONCE, abs=0.01))
    admin = telegram.users[ADMIN]
    await admin.sends_text("/stats")
    numbers = await admin.gets("text")
    assert "$1.00" in numbers.text
    assert "shotstack" in numbers.text


@pytest.mark.slow
async def test_a_whole_talk_with_the_real_program(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User, tmp_path: Path
) -> None:
    """Real mattes, real parts, as long and as loud as the clip; in the sandbox, and unhurried.

    It reads the mattes the other way round, which two trials of a second find out.
    """
    fake.luma = "black"
    film = film_of_eileen(tmp_path / "clip.mp4", 50, tone=440)
    bot = await shot(real=True, SHOTSTACK_STAGE="stage").start().ready()
    card = await ordered(ann, film, within=60)
    result = await result_for(ann, card, within=120)
    assert result.media.seconds == 2
    *trials, render = fake.renders.values()
    assert [trial.edit.seconds for trial in trials] == [1, 1]
    size = render.body["output"]["size"]
    assert (result.media.width, result.media.height) == (size["width"], size["height"])
    assert result.media.thumbnail
    await all_well(telegram, fake, bot)
    assert list_alerts(telegram) == []
    assert spent(bot) == {}
    assert bot.memory() < 250


# whoever is killed


class Killing:
    """Kills the bot at one of its requests, and starts it again.

    Attributes:
        done: set when it has.
    """

    def __init__(self, fake: FakeShotstack, bot: BotProcess, call: str, number: int) -> None:
        """Wait for the request of that name and number."""
        self.done = asyncio.Event()
        self._fake, self._bot, self._call, self._number = fake, bot, call, number

    def before(self) -> None:
        """Kill it while its request is on the way, which arrives nowhere."""

        async def answer(request: web.Request) -> web.StreamResponse:
            return web.Response(status=503) if self._now() else await self._usual(request)

        self._fake.override(self._call, answer)

    def after(self) -> None:
        """Kill it when its request was done, and before the answer arrives."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = await self._usual(request)
            self._now()
            return response

        self._fake.override(self._call, answer)

    def within(self) -> None:
        """Kill it when half of the answer has arrived."""

        async def answer(request: web.Request) -> web.StreamResponse:
            whole = await self._usual(request)
            assert isinstance(whole, web.Response)
            assert isinstance(whole.body, bytes)
            part = web.StreamResponse(headers={"Content-Length": str(len(whole.body))})
            await part.prepare(request)
            await part.write(whole.body[: len(whole.body) // 2])
            await asyncio.sleep(0.1)
            self._now()
            return part

        self._fake.override(self._call, answer, times=self._number)

    async def _usual(self, request: web.Request) -> web.StreamResponse:
        return await self._fake.get_handler(self._call)(request)

    def _now(self) -> bool:
        self._number -= 1
        if self._number or self.done.is_set():
            return False
        self._bot.kill()
        self.done.set()
        return True


async def killed(
    telegram: Telegram, fake: FakeShotstack, bot: BotProcess, ann: User, point: str
) -> Message:
    """One talk in which the bot is killed at *point*; gives the result, when all is over."""
    when, call, number = point.split()
    killing = Killing(fake, bot, call, int(number))
    card = await ordered(ann, clip())
    getattr(killing, when)()
    async with asyncio.timeout(20):
        await killing.done.wait()
    await bot.start().ready()
    result = await result_for(ann, card, within=30)
    await all_well(telegram, fake, bot)
    assert len(results(telegram, ann.chat)) == 1
    assert len(fake.billed_seconds) <= 1
    assert sum(spent(bot).values()) <= ONCE
    return result


KNOWN = [
    "before upload 1",
    "after upload 1",
    "after upload 2",
    "before put 1",
    "after put 1",
    "after put 2",
    "after source 1",
    "before status 1",
    "after status 2",
    "before result 1",
    "within result 1",
    "after result 1",
    "before delete 1",
    "after delete 1",
    "after delete 2",
]
QUICK = {"within result 1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "point", [pytest.param(p, marks=[pytest.mark.slow] * (p not in QUICK)) for p in KNOWN]
)
async def test_a_kill_costs_nothing(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User, point: str
) -> None:
    """Wherever it is certain what Shotstack did, its video comes, and is paid for once."""
    bot = await shot().start().ready()
    assert not is_ours(await killed(telegram, fake, bot, ann, point))
    assert (len(fake.renders), len(fake.billed_seconds)) == (1, 1)
    assert sum(spent(bot).values()) == pytest.approx(ONCE, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "bills"),
    [pytest.param("before render 1", 0, marks=pytest.mark.slow), ("after render 1", 1)],
)
async def test_a_kill_while_it_asks_never_asks_twice(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User, point: str, bills: int
) -> None:
    """Whether a render exists is unknown, so this machine makes the video."""
    bot = await shot().start().ready()
    assert is_ours(await killed(telegram, fake, bot, ann, point))
    assert len(fake.billed_seconds) == bills


@pytest.mark.slow
async def test_a_kill_while_it_asks_is_mended_by_a_callback(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User
) -> None:
    """Which brings the id that the answer did not: the paid video is delivered."""
    bot = shot(**HOOKED)
    await reached(telegram, fake, bot)
    assert not is_ours(await killed(telegram, fake, bot, ann, "after render 1"))
    assert len(fake.billed_seconds) == 1


@pytest.mark.slow
async def test_a_kill_after_every_commit(
    telegram: Telegram, fake: FakeShotstack, shot: Shot
) -> None:
    """As with videos that are made here, and each is billed at most once."""
    fake.render_seconds = 0
    bot = await shot().start().ready()
    count = await commits_of_a_job(bot, telegram.user(6))
    kills = [(when, n) for when, n in KILLS if n <= count and when == "after"]
    await die_at_each(telegram, bot, kills)
    assert len(fake.renders) == len(fake.billed_seconds) == len(kills) + 1
    assert not sources(fake)
    nothing_leaked(fake, bot)


# whatever Shotstack does


def status(code: int, body: str = "{}", **headers: str) -> Answer:
    """An answer of that status."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(
            status=code, text=body, content_type="application/json", headers=headers
        )

    return answer


@pytest.mark.parametrize("trouble", ["key", pytest.param("credits", marks=pytest.mark.slow)])
async def test_who_is_not_let_in_renders_here(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User, trouble: str
) -> None:
    """The admin gets one alert in many jobs and restarts, and users get their videos."""
    fake.credits = 0 if trouble == "credits" else None
    more = {"SHOTSTACK_API_KEY": "canary-another-key"} if trouble == "key" else {}
    bot = await shot(**more).start().ready()
    assert is_ours(await result_for(ann, await ordered(ann, clip())))
    asked = len(fake.find_requests("upload"))
    assert is_ours(await result_for(ann, await ordered(ann, clip())))
    assert len(fake.find_requests("upload")) == asked, (
        "a key that is refused is left alone for a while"
    )
    await bot.stop()
    await bot.start().ready()
    assert is_ours(await result_for(ann, await ordered(ann, clip())))
    await telegram.quiet()
    (alert,) = list_alerts(telegram)
    assert "shotstack cannot be used until you repair it" in alert
    await all_well(telegram, fake, bot)
    assert not fake.billed_seconds
    assert spent(bot) == {}
    assert "canary-another-key" not in bot.log


@pytest.mark.slow
async def test_mattes_that_it_reads_wrong_are_an_alarm(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User
) -> None:
    """Its frame fits neither way: nothing is billed, this machine renders, admins are told once."""
    bot = shot()
    (bot.folder / "data" / "alpha.json").unlink()
    bot.behave(probe={"inside": 0.5})
    await bot.start().ready()
    for _ in range(2):
        assert is_ours(await result_for(ann, await ordered(ann, clip())))
    await telegram.quiet()
    (alert,) = list_alerts(telegram)
    assert "its videos do not look like the preview" in alert
    await all_well(telegram, fake, bot)
    assert len(fake.renders) == 1  # the trial


ROWS: dict[str, tuple[RenderOutcome, dict[str, float]]] = {
    "failed": (RenderOutcome(final_status="failed", error="canary: an asset is not public"), {}),
    "stuck": (RenderOutcome(final_status="rendering"), {"deadline": 1.5}),
    "unknown": (RenderOutcome(final_status="a state of next year"), {"deadline": 1.5}),
    "forbidden": (RenderOutcome(result="forbidden"), {}),
    "missing": (RenderOutcome(result="missing"), {}),
    "truncated": (RenderOutcome(result="truncated"), {}),
    "page": (RenderOutcome(result="page"), {}),
    "no answer": (RenderOutcome(response="hanging"), {"response": 0.7}),
    "cut off": (RenderOutcome(response="dropped"), {}),
    "garbage": (RenderOutcome(response="garbage"), {}),
    "broken": (RenderOutcome(response="broken"), {}),
}

QUICK_ROWS = {"failed", "stuck"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=[pytest.mark.slow] * (row not in QUICK_ROWS)) for row in ROWS],
)
async def test_a_render_that_goes_wrong_is_made_here(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User, row: str
) -> None:
    """Once; the reason is in the log, and users learn only that another backend continues."""
    fate, pace = ROWS[row]
    fake.outcomes.append(fate)
    bot = await shot(pace).start().ready()
    card = await ordered(ann, clip())
    assert is_ours(await result_for(ann, card))
    await all_well(telegram, fake, bot)
    assert len(fake.renders) == 1
    assert len(results(telegram, ann.chat)) == 1
    assert not telegram.calls.telling("canary: an asset")
    if row == "failed":
        assert "an asset is not public" in bot.log
        assert not fake.billed_seconds
        assert spent(bot) == {}


@pytest.mark.slow
async def test_a_render_that_failed_in_passing_is_asked_for_again(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User
) -> None:
    """The first is not billed."""
    fake.outcomes.append(
        RenderOutcome(final_status="failed", error="Service temporarily unavailable")
    )
    bot = await shot().start().ready()
    assert not is_ours(await result_for(ann, await ordered(ann, clip())))
    await all_well(telegram, fake, bot)
    assert (len(fake.renders), len(fake.billed_seconds)) == (2, 1)


@pytest.mark.slow
async def test_an_answer_that_never_came_is_mended_by_a_callback(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User
) -> None:
    """It contains the id of the render, which is then delivered."""
    fake.outcomes.append(RenderOutcome(response="dropped"))
    bot = shot(**HOOKED)
    await reached(telegram, fake, bot)
    assert not is_ours(await result_for(ann, await ordered(ann, clip())))
    await all_well(telegram, fake, bot)
    assert len(fake.billed_seconds) == 1


TROUBLES: dict[str, tuple[str, Answer, int]] = {
    "broken looks": ("status", status(500), 6),
    "nonsense looks": ("status", status(200, "<html>"), 6),
    "broken uploads": ("upload", status(502), 2),
    "cut uploads": ("put", status(503), 1),
    "sources that are not there yet": ("source", status(404), 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_what_passes_is_waited_for(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User, trouble: str
) -> None:
    """And Shotstack's video comes all the same."""
    call, answer, times = TROUBLES[trouble]
    fake.override(call, answer, times)
    bot = await shot().start().ready()
    assert not is_ours(await result_for(ann, await ordered(ann, clip()), within=30))
    await all_well(telegram, fake, bot)
    assert len(fake.billed_seconds) == 1


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_what_does_not_pass_is_made_here(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User, trouble: str
) -> None:
    """In time, with one bill at most."""
    call, answer, _ = TROUBLES[trouble]
    fake.override(call, answer)
    bot = await shot({"deadline": 4}).start().ready()
    assert is_ours(await result_for(ann, await ordered(ann, clip()), within=40))
    await all_well(telegram, fake, bot)
    assert len(fake.billed_seconds) <= 1


@pytest.mark.slow
async def test_a_busy_shotstack_is_waited_for(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User
) -> None:
    """As long as it asks, and a little longer; nothing is requested meanwhile."""
    fake.override("upload", status(429, **{"Retry-After": "1"}), times=1)
    bot = await shot({"retry_total": 30}).start().ready()
    assert not is_ours(await result_for(ann, await ordered(ann, clip()), within=40))
    busy = next(entry for entry in fake.requests if entry.status == 429)
    later = [entry for entry in fake.requests if busy.time < entry.time and entry.call != "put"]
    assert later[1].time - busy.time > 1  # the other upload was on its way
    await all_well(telegram, fake, bot)
    assert len(fake.billed_seconds) == 1


@pytest.mark.slow
async def test_a_shotstack_that_stays_busy_is_left(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User
) -> None:
    """For who would wait that long; what was uploaded is not there, and nobody is to mend it."""
    fake.override("upload", status(429))
    bot = await shot({"gate": 1}).start().ready()
    assert is_ours(await result_for(ann, await ordered(ann, clip())))
    await all_well(telegram, fake, bot)
    assert len(fake.find_requests("upload")) <= 2
    assert not list_alerts(telegram)


@pytest.mark.slow
async def test_nobody_can_make_it(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User
) -> None:
    """Shotstack fails it and this machine breaks: a message explains it, and nothing is billed."""
    fake.outcomes.extend(RenderOutcome(final_status="failed", error="no") for _ in range(9))
    bot = await shot().start().ready()
    card = await ordered(ann, clip(edit={"fault": "bug"}))
    await telegram.until(lambda: fake.renders, 20, "a render")
    (row,) = await all_over(bot, within=60)
    assert row["state"] == "failed"
    answer = await ann.gets("text", after=card, where=lambda m: not m.buttons and not m.deleted)
    assert answer.text
    await always_true(telegram, bot)
    assert not sources(fake)
    assert len(fake.renders) == 1, "a render that failed is not asked for again"
    assert not fake.billed_seconds


# what it may cost


async def test_a_budget_is_kept(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User
) -> None:
    """What would exceed it is made here; admins get one alert, and a restart forgets nothing."""
    bot = await shot(BUDGET_USD="1.5").start().ready()
    assert not is_ours(await result_for(ann, await ordered(ann, clip())))
    assert not list_alerts(telegram)
    assert is_ours(await result_for(ann, await ordered(ann, clip())))
    await bot.stop()
    await bot.start().ready()
    assert is_ours(await result_for(ann, await ordered(ann, clip())))
    await telegram.quiet()
    (alert,) = list_alerts(telegram)
    assert "$1.00 of $1.50" in alert
    await all_well(telegram, fake, bot)
    assert len(fake.billed_seconds) == 1
    assert spent(bot) == {"shotstack": pytest.approx(ONCE, abs=0.01)}


async def test_a_render_that_was_cancelled_is_paid_for(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User
) -> None:
    """Shotstack ends none, so its price is in the numbers; its sources are gone at once."""
    fake.render_seconds = 60
    bot = await shot().start().ready()
    card = await ordered(ann, clip())
    status = await ann.gets("text", after=card, button="^cancel")
    await telegram.until(lambda: fake.renders, 20, "a render")
    await ann.presses("^cancel", status)
    await telegram.until(lambda: not sources(fake), 3, "sources are gone")
    await all_well(telegram, fake, bot)
    assert not results(telegram, ann.chat)
    assert spent(bot) == {"shotstack": pytest.approx(ONCE, abs=0.01)}


# callbacks


async def reached(telegram: Telegram, fake: FakeShotstack, bot: BotProcess) -> None:
    """Start *bot* behind a router that both know."""
    fake.proxies["bot.example"] = f"http://127.0.0.1:{bot.port}"
    await hooked(telegram, bot)


async def post_callback(bot: BotProcess, path: str, **what: object) -> int:
    """Post a callback to *path*; gives the status."""
    body = {"type": "edit", "action": "render", "id": "x", "status": "done"} | what
    async with (
        ClientSession() as session,
        session.post(f"http://127.0.0.1:{bot.port}{path}", json=body) as answer,
    ):
        return answer.status


async def test_a_callback_wakes_the_job(
    telegram: Telegram, fake: FakeShotstack, shot: Shot, ann: User
) -> None:
    """Long before it would have looked; forged ones and repetitions change nothing."""
    fake.polls_until_ready, fake.render_seconds = 0, 1
    bot = shot({"poll": 60, "max_poll": 60, "deadline": 120}, **HOOKED)
    await reached(telegram, fake, bot)
    card = await ordered(ann, clip())
    await telegram.until(lambda: fake.renders, 10, "a render")
    (render,) = fake.renders.values()
    path = str(render.edit.callback).removeprefix("https://bot.example")
    _, root, secret, intent = path.split("/")
    assert root == "shotstack"
    assert len(secret) == 40
    for forged in (f"/shotstack/{'0' * 40}/{intent}", f"/shotstack/{secret}/none", "/shotstack/x"):
        assert await post_callback(bot, forged, id=render.id) == 404
    assert await post_callback(bot, path, id="11111111-2222-3333-4444-555555555555") == 404
    assert await post_callback(bot, path, id=render.id, status="failed") == 200, (
        "only a hint to look"
    )
    began = time.monotonic()
    assert not is_ours(await result_for(ann, card))
    assert time.monotonic() - began < 10
    assert fake.callbacks == [(render.edit.callback, 200)]
    assert await post_callback(bot, path, id=render.id) == 200
    await telegram.quiet()
    assert len(results(telegram, ann.chat)) == 1
    assert len(fake.find_requests("status")) <= 4
    await all_well(telegram, fake, bot)
    assert len(fake.billed_seconds) == 1
    assert secret not in bot.log


# many at once


@pytest.mark.slow
async def test_many_jobs_at_once_keep_within_the_limits(
    telegram: Telegram, fake: FakeShotstack, shot: Shot
) -> None:
    """Thirty people's videos, eight side by side, never refused; one bill each."""
    bot = await shot(JOBS_AT_ONCE="8").start().ready()
    people = [telegram.user(100 + i) for i in range(30)]
    cards = [await ordered(user, clip()) for user in people]
    for user, card in zip(people, cards, strict=True):
        await result_for(user, card, within=120)
    await all_well(telegram, fake, bot)
    assert len(fake.billed_seconds) == 30
    assert fake.count_peak_requests("edit") <= 300
    assert fake.count_peak_requests("ingest") <= 300
    assert not [entry for entry in fake.requests if entry.status == 429]
