"""The places as admins set them: who is asked, in which order, and who was left out."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from backends.base import Asked, Event, FellBack
from backends.errors import BackendUnavailable, Why
from backends.factory import Known, NobodyThere
from backends.resilience.circuit_breaker import Rest
from bot.database.engine import engine, prepare
from bot.database.repository import Knobs
from bot.operations.backend_pool import LastPlace, Places, Ranking, UnknownPlace
from settings import Backends, Remote, Settings, Storage
from tests.backends.support.programs import STAND_IN
from tests.support.make_clips import drawn, make_clip
from video_editing.contract.plan import Plan, missing, planned
from video_editing.reading.probe import Limits, probe

WORKS = (sys.executable, str(STAND_IN), "works")


@dataclass
class Door:
    """What a service answers to whoever comes; to strangers too."""

    status: int
    address: str = ""
    knocks: int = 0

    async def answer(self, _request: web.Request) -> web.Response:
        """Answer one request."""
        self.knocks += 1
        return web.Response(status=self.status)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """A service that is open to everybody, and so not safe."""
    door = Door(200)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", door.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    door.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield door
    await runner.cleanup()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """An empty database in the test's folder."""
    made = engine(Storage(folder=tmp_path))
    await prepare(made)
    yield made
    await made.dispose()


@pytest.fixture
def knobs(database: AsyncEngine) -> Knobs:
    """What admins changed: nothing yet."""
    return Knobs(database)


@pytest.fixture
def settings(tmp_path: Path, door: Door) -> Callable[..., Settings]:
    """Settings that name the given places; the door is modal."""

    def made(*names: str) -> Settings:
        return Settings(
            backends=Backends(names=names),
            remote=Remote(endpoint=door.address, token="x"),  # noqa: S106 - opens nothing
            storage=Storage(folder=tmp_path),
        )

    return made


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of two seconds."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", drawn(60))


@pytest.fixture(scope="module")
def plan(clip: Path) -> Plan:
    """The clip in four segments."""
    return planned(probe(clip, Limits()), seconds=0.5)


async def asked(places: Places, clip: Path, plan: Plan, folder: Path) -> list[str]:
    """Whom a job asks now, one after the other."""
    events: list[Event] = []
    chain = places.chain()
    await chain.make_mattes(clip, plan, folder, events.append)
    assert not missing(plan, folder)
    return [event.backend for event in events if isinstance(event, Asked)]


async def test_a_new_order_holds_for_the_next_job(
    settings: Callable[..., Settings],
    knobs: Knobs,
    door: Door,
    clip: Path,
    plan: Plan,
    tmp_path: Path,
) -> None:
    """Who was second is asked first, and does it; who was first is not asked at all."""
    door.status = 401  # locked, as it must be, but without the jobs of a service
    places = await Places.build(settings("modal", "local-cpu"), knobs, WORKS)
    assert await asked(places, clip, plan, tmp_path / "1") == ["modal", "local-cpu"]
    await places.first("local-cpu")
    assert await asked(places, clip, plan, tmp_path / "2") == ["local-cpu"]


async def test_a_running_job_keeps_its_places(
    settings: Callable[..., Settings],
    knobs: Knobs,
    door: Door,
    clip: Path,
    plan: Plan,
    tmp_path: Path,
) -> None:
    """A change while a job runs is none for that job, and one for the next."""
    slow = (sys.executable, str(STAND_IN), "slow")
    door.status = 401
    places = await Places.build(settings("local-cpu", "modal"), knobs, slow)
    events: list[Event] = []
    chain = places.chain()
    running = asyncio.create_task(chain.make_mattes(clip, plan, tmp_path / "1", events.append))
    while not events:
        await asyncio.sleep(0.01)
    await places.first("modal")
    await places.switch("local-cpu", on=False)
    await running
    assert [event.backend for event in events if isinstance(event, Asked)] == ["local-cpu"]
    with pytest.raises(BackendUnavailable):
        await asked(places, clip, plan, tmp_path / "2")


async def test_the_order_outlives_a_restart(
    settings: Callable[..., Settings], knobs: Knobs, door: Door
) -> None:
    """Another process with the same database has the order that admins chose, and who is off."""
    door.status = 401
    have = settings("modal", "local-cpu")
    before = await Places.build(have, knobs, WORKS)
    await before.first("local-cpu")
    await before.switch("modal", on=False)
    after = await Places.build(have, knobs, WORKS)
    assert after.names == ("local-cpu", "modal")
    assert [health.on for health in after.health()] == [True, False]
    assert not after.auto


async def test_auto_is_the_settings_order_with_nobody_off(
    settings: Callable[..., Settings], knobs: Knobs, door: Door
) -> None:
    """Whatever was changed, and after a restart too."""
    door.status = 401
    have = settings("modal", "local-cpu")
    places = await Places.build(have, knobs, WORKS)
    await places.order(["local-cpu"])
    await places.automatic()
    for now in (places, await Places.build(have, knobs, WORKS)):
        assert now.auto
        assert now.names == ("modal", "local-cpu")
        assert all(health.on for health in now.health())


async def test_the_last_place_that_is_there_stays_on(
    settings: Callable[..., Settings], knobs: Knobs
) -> None:
    """Switching it off is refused, though one that was left out would still be on."""
    places = await Places.build(settings("modal", "local-cpu"), knobs, WORKS)
    for change in (places.switch("local-cpu", on=False), places.order(["modal"]), places.order([])):
        with pytest.raises(LastPlace):
            await change
    assert places.auto
    assert await knobs.get("places") is None


async def test_places_of_other_settings_are_unknown(
    settings: Callable[..., Settings], knobs: Knobs
) -> None:
    """What the settings do not name cannot be put anywhere."""
    places = await Places.build(settings("local-cpu"), knobs, WORKS)
    for change in (places.first("modal"), places.up("x"), places.switch("", on=True)):
        with pytest.raises(UnknownPlace):
            await change


async def test_a_kept_order_that_fits_nothing_is_forgotten(
    settings: Callable[..., Settings], knobs: Knobs
) -> None:
    """Other settings, an older version's form: the settings' own order is better than none."""
    for kept in ({"names": ["local-cpu"], "off": ["local-cpu"]}, {"names": 7}, "local-cpu"):
        await knobs.put("places", kept)
        places = await Places.build(settings("local-cpu"), knobs, WORKS)
        assert places.auto


async def test_a_start_without_any_place_is_refused(
    settings: Callable[..., Settings], knobs: Knobs
) -> None:
    """In one line that names the variable."""
    with pytest.raises(NobodyThere, match=r"^OVERLAY_BACKENDS=modal: "):
        await Places.build(settings("modal"), knobs, WORKS)


async def test_who_was_left_out_is_not_asked_and_says_why(
    settings: Callable[..., Settings], knobs: Knobs, clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """A service that lets everybody in gets nobody's clip."""
    places = await Places.build(settings("modal", "local-cpu"), knobs, WORKS)
    assert places.health()[0].absent is Why.UNSAFE
    assert await asked(places, clip, plan, tmp_path / "1") == ["local-cpu"]


async def test_a_service_that_comes_back_is_used(
    settings: Callable[..., Settings], knobs: Knobs, door: Door
) -> None:
    """Once an admin has us look again."""
    places = await Places.build(settings("modal", "local-cpu"), knobs, WORKS)
    door.status = 401
    await places.look_again()
    assert places.health()[0].absent is None


async def test_a_service_that_comes_back_is_noticed(
    settings: Callable[..., Settings], knobs: Knobs, door: Door
) -> None:
    """Without anybody's doing, where we look now and then."""
    places = await Places.build(settings("modal", "local-cpu"), knobs, WORKS)
    watching = asyncio.create_task(places.watch(0.05))
    door.status = 401
    async with asyncio.timeout(5):
        while places.health()[0].absent:
            await asyncio.sleep(0.02)
    knocks = door.knocks
    await asyncio.sleep(0.3)
    watching.cancel()
    assert door.knocks == knocks  # it is there, so nobody looks


async def test_many_who_look_at_once_look_once(
    settings: Callable[..., Settings], knobs: Knobs, door: Door
) -> None:
    """A button that is pressed ten times costs one look."""
    places = await Places.build(settings("modal", "local-cpu"), knobs, WORKS)
    before = door.knocks
    await asyncio.gather(*(places.look_again() for _ in range(10)))
    assert door.knocks == before + 1


async def test_where_only_absent_places_are_on_the_job_fails_with_their_reasons(
    settings: Callable[..., Settings],
    knobs: Knobs,
    door: Door,
    clip: Path,
    plan: Plan,
    tmp_path: Path,
) -> None:
    """So it is parked, and done when one is back; who is off stays off."""
    door.status = 401
    have = settings("modal", "local-cpu")
    await (await Places.build(have, knobs, WORKS)).order(["modal"])
    door.status = 200
    places = await Places.build(have, knobs, WORKS)
    events: list[Event] = []
    with pytest.raises(BackendUnavailable) as caught:
        await places.chain().make_mattes(clip, plan, tmp_path / "1", events.append)
    assert caught.value.why is Why.NOBODY
    assert [event.why for event in events if isinstance(event, FellBack)] == [Why.UNSAFE]


async def test_health_tells_rest_and_speed(
    settings: Callable[..., Settings], knobs: Knobs, door: Door, tmp_path: Path
) -> None:
    """As the breaker and the estimates know them."""
    door.status = 401
    known = Known(tmp_path)
    known.estimates.learn("modal", "mediapipe", 410.0)
    places = await Places.build(settings("modal", "local-cpu"), knobs, WORKS)
    modal, here = places.health()
    assert modal.speeds == {"mediapipe": 410.0}
    assert (modal.resting, modal.failures) == (0, 0)
    assert here.speeds == {"rembg": 13.0}

    with known.rests.changing() as rests:
        rests["modal"] = Rest(failures=2, until=time.monotonic() + 30)
    modal, _ = places.health()
    assert 28 < modal.resting <= 30
    assert modal.failures == 2
    with known.rests.changing() as rests:  # of before the machine started
        rests["modal"] = Rest(failures=2, until=time.monotonic() + 3000)
    assert places.health()[0].resting == 0


async def test_a_service_of_ones_own_is_called_by_its_host(tmp_path: Path, knobs: Knobs) -> None:
    """Nobody reads in a chat what else its address holds."""
    names = ("https://somebody:secret@127.0.0.1:9/path", "local-cpu")
    have = Settings(backends=Backends(names=names), storage=Storage(folder=tmp_path))
    places = await Places.build(have, knobs, WORKS)
    assert places.names == ("127.0.0.1:9", "local-cpu")


def test_a_ranking_fits_itself_to_other_settings() -> None:
    """Places that are gone are forgotten, new ones are asked last."""
    ranking = Ranking(names=("c", "a", "b"), off=frozenset({"a", "b"}))
    fitted = ranking.fitted(("a", "c", "d"))
    assert fitted == Ranking(names=("c", "a", "d"), off=frozenset({"a"}))
    assert fitted.on == ("c", "d")


def test_the_first_place_cannot_rise() -> None:
    """Nothing changes."""
    ranking = Ranking(names=("a", "b", "c"))
    assert ranking.up("a") == ranking
    assert ranking.up("c").names == ("a", "c", "b")
    assert ranking.first("c").names == ("c", "a", "b")
