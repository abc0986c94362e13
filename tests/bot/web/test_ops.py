"""The operator's dashboard, as its page asks the running bot."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientResponse, ClientSession

from bot.web.ops import MAX_REMEMBERED, ReplayedRequest, SeenRequests
from bot.web.signatures import MAX_AGE_SECONDS
from tests.bot.support.conversation import clip, ordered, result_for
from tests.bot.support.fake_telegram import TOKEN
from tests.bot.support.running_bot import ADMIN, RunningBot
from tests.bot.support.signed_requests import signed, with_token

STRANGERS = {
    "nobody": {},
    "a user": signed(TOKEN, 1000),
    "an old admin": signed(TOKEN, ADMIN, age=5000),
    "a forger": signed("1:other", ADMIN),
    "a guesser": with_token(),
}
State = dict[str, Any]


class Dashboard:
    """One page of an admin."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def get(self, path: str, headers: dict[str, str] | None = None) -> ClientResponse:
        """Ask for something."""
        return await self._session.get(path, headers=headers or signed(TOKEN, ADMIN))

    async def act(
        self, action: str, subject: str = "", headers: dict[str, str] | None = None, **more: object
    ) -> ClientResponse:
        """Confirm an action."""
        body = {"action": action, "subject": subject, "id": str(uuid4()), **more}
        return await self._session.post(
            "/ops/actions", json=body, headers=headers or signed(TOKEN, ADMIN)
        )

    async def states(self) -> AsyncIterator[State]:
        """What the page is told, event by event."""
        async with self._session.get("/ops/events", headers=signed(TOKEN, ADMIN)) as answer:
            assert answer.status == 200
            async for line in answer.content:
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])

    async def until(self, wanted: Any, within: float = 5) -> State:
        """The first state of which *wanted* is true."""
        async with asyncio.timeout(within):
            async for state in self.states():
                if wanted(state):
                    return state
        raise AssertionError("the events ended")


@pytest.fixture
async def dashboard(talk: RunningBot) -> AsyncIterator[Dashboard]:
    async with ClientSession(f"http://127.0.0.1:{talk.bot.port}") as session:
        yield Dashboard(session)


@pytest.mark.parametrize("who", STRANGERS)
async def test_strangers_see_nothing_and_do_nothing(
    dashboard: Dashboard, talk: RunningBot, who: str
) -> None:
    headers = STRANGERS[who] or {"X": "x"}
    for path in ("/ops/events", "/ops/history?days=1", "/ops/jobs/abc/log"):
        answer = await dashboard.get(path, headers)
        assert answer.status in {401, 429}, path
        assert b"jobs" not in await answer.read()
    assert (await dashboard.act("pause", headers=headers)).status in {401, 429}
    assert "refused POST /ops/actions: " in talk.bot.log
    assert not talk.bot.rows("SELECT * FROM audit WHERE action = 'pause' AND actor = '1000'")


async def test_the_page_itself_is_open_and_says_nothing(dashboard: Dashboard) -> None:
    """It asks for the token, and brings the policy."""
    answer = await dashboard.get("/ops", {"X": "x"})
    assert (answer.status, answer.content_type) == (200, "text/html")
    assert answer.headers["Content-Security-Policy"]
    page = await answer.text()
    assert "<script>" not in page
    assert "style=" not in page
    again = await dashboard.get("/ops", {"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304


@pytest.mark.parametrize("name", ["", "../ops.py", "%2e%2e/ops.py", "none.js", "/etc/passwd"])
async def test_only_files_of_pages_are_served(dashboard: Dashboard, name: str) -> None:
    assert (await dashboard.get(f"/pages/{name}")).status == 404


async def test_the_events_end_with_the_signature(dashboard: Dashboard) -> None:
    """A page that stays open does not see more than it is signed for."""
    almost_old = signed(TOKEN, ADMIN, age=MAX_AGE_SECONDS - 2.5)
    async with asyncio.timeout(6):
        answer = await dashboard.get("/ops/events", almost_old)
        assert b"data: " in await answer.read()
    assert (await dashboard.get("/ops/events", almost_old)).status == 401


async def test_a_job_is_seen_within_a_second(dashboard: Dashboard, talk: RunningBot) -> None:
    """With its stage, its share and its backend; and what it was, when it is over."""
    ann = talk.user()
    began = {"at": 0.0}

    async def send() -> None:
        card = await ordered(ann, clip(matte={"seconds": 1.5}))
        began["at"] = time.monotonic()
        began["card"] = card  # type: ignore[assignment]

    sending = asyncio.create_task(send())
    state = await dashboard.until(lambda state: state["jobs"], 15)
    await sending
    assert time.monotonic() - began["at"] < 1
    state = await dashboard.until(
        lambda state: any(job["share"] and job["backend"] for job in state["jobs"]), 10
    )
    (job,) = state["jobs"]
    assert (job["user"], job["stage"], job["backend"]) == (ann.id, "mattes", "local-cpu")
    assert 0 < job["share"] <= 1
    await result_for(ann, began["card"])  # type: ignore[arg-type]
    state = await dashboard.until(lambda state: not state["jobs"], 10)
    assert state["backends"][0]["name"] == "local-cpu"
    history = await (await dashboard.get("/ops/history?days=1")).json()
    assert history["done"][-1] + history["done"][-2] >= 1
    assert len(history["times"]) == len(history["stages"]["mattes"]) == 24


async def test_an_admin_cancels_a_job_and_it_is_written_down(
    dashboard: Dashboard, talk: RunningBot
) -> None:
    ann = talk.user()
    await ordered(ann, clip(matte={"seconds": 30}))
    state = await dashboard.until(lambda state: state["jobs"], 10)
    job = state["jobs"][0]["id"]
    answer = await dashboard.act("cancel", job)
    assert await answer.json() == {"outcome": "done"}
    state = await dashboard.until(lambda state: not state["jobs"])
    entry = state["summary"]["audit"][0]
    assert (entry["actor"], entry["action"], entry["subject"]) == (str(ADMIN), "cancel", job)
    assert entry["outcome"] == "done"


async def test_a_paused_intake_refuses_and_is_resumed(
    dashboard: Dashboard, talk: RunningBot
) -> None:
    ann = talk.user()
    await dashboard.act("pause")
    await dashboard.until(lambda state: state["paused"])
    card = await ann.gets("photo", after=await ann.sends_video(clip()), where=lambda m: m.buttons)
    press = await ann.presses("^make", card)
    assert "no new videos" in await press.answered()
    await dashboard.act("resume")
    await ann.presses("^make", card)
    await result_for(ann, card)


async def test_a_failure_has_its_reason_its_lines_and_a_retry(
    dashboard: Dashboard, talk: RunningBot
) -> None:
    ann = talk.user()
    await ordered(ann, clip(edit={"fault": "rejects", "reason": "corrupt"}))
    state = await dashboard.until(
        lambda state: any(one["reason"] == "corrupt" for one in state["summary"]["failures"]), 40
    )
    group = next(one for one in state["summary"]["failures"] if one["reason"] == "corrupt")
    answer = await dashboard.get(f"/ops/jobs/{group['jobs'][0]}/log")
    lines = (await answer.json())["lines"]
    assert lines
    assert all(group["jobs"][0] in line for line in lines)
    assert TOKEN.partition(":")[2] not in "".join(lines)
    assert await (await dashboard.act("retry", group["jobs"][0])).json() == {"outcome": "done"}
    assert await (await dashboard.act("retry", group["jobs"][0])).json() == {
        "outcome": "nothing to do"
    }


async def test_backends_are_put_first_and_tested(dashboard: Dashboard) -> None:
    for action in ("first", "test"):
        answer = await dashboard.act(action, "local-cpu")
        assert await answer.json() == {"outcome": "done"}
        answer = await dashboard.act(action, "none")
        assert await answer.json() == {"outcome": "unknown backend"}


async def test_a_replayed_action_is_refused(dashboard: Dashboard) -> None:
    same = str(uuid4())
    assert (await dashboard.act("test", "local-cpu", id=same)).status == 200
    assert (await dashboard.act("test", "local-cpu", id=same)).status == 409
    assert (await dashboard.act("cancel", "x", id=same)).status == 409


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "drop"},
        {"subject": 7},
        {"subject": "x" * 999},
        {"subject": "\0"},
        {"subject": "\ud800"},
        {"id": "short"},
        {"x": 1},
    ],
)
async def test_an_action_that_is_none_is_refused(
    dashboard: Dashboard, wrong: dict[str, object]
) -> None:
    body = {"action": "test", "subject": "local-cpu"} | wrong
    assert (await dashboard.act(**body)).status == 400  # type: ignore[arg-type]


@pytest.mark.parametrize("days", ["", "0", "2", "1e9", "-1", "x"])
async def test_a_period_that_is_none_is_refused(dashboard: Dashboard, days: str) -> None:
    assert (await dashboard.get(f"/ops/history?days={days}")).status == 400


def test_requests_are_remembered_for_as_long_as_they_are_signed() -> None:
    """And never more than so many."""
    now = 0.0
    seen = SeenRequests(lambda: now)
    seen.require_new("a")
    with pytest.raises(ReplayedRequest):
        seen.require_new("a")
    now = MAX_AGE_SECONDS + 1
    seen.require_new("a")
    for number in range(MAX_REMEMBERED):
        seen.require_new(str(number))
    seen.require_new("a")
