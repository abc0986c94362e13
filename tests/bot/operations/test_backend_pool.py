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

from backends.base import BackendStarted, Event, FellBack
from backends.errors import BackendUnavailable, FailureKind
from backends.factory import BackendState, NoBackendAvailable
from backends.resilience.circuit_breaker import BreakerState
from bot.database.engine import create_engine, prepare_database
from bot.database.repository import KeyValueStore
from bot.operations.backend_pool import BackendOrder, BackendPool, LastBackend, UnknownBackend
from settings import BackendSettings, RemoteSettings, Settings, StorageSettings
from tests.backends.support.programs import MISBEHAVING_VIDEO_CLI
from tests.support.make_clips import drawn, make_clip
from video_editing.contract.plan import Plan, find_missing_segments, make_plan
from video_editing.reading.probe import ClipLimits, probe

WORKS = (sys.executable, str(MISBEHAVING_VIDEO_CLI), "works")


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
    made = create_engine(StorageSettings(folder=tmp_path))
    await prepare_database(made)
    yield made
    await made.dispose()


@pytest.fixture
def knobs(database: AsyncEngine) -> KeyValueStore:
    """What admins changed: nothing yet."""
    return KeyValueStore(database)


@pytest.fixture
def settings(tmp_path: Path, door: Door) -> Callable[..., Settings]:
    """Settings that name the given places; the door is modal."""

    def made(*names: str) -> Settings:
        return Settings(
            backends=BackendSettings(names=names),
            remote=RemoteSettings(endpoint=door.address, token="x"),  # noqa: S106 - opens nothing
            storage=StorageSettings(folder=tmp_path),
        )

    return made


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of two seconds."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", drawn(60))


@pytest.fixture(scope="module")
def plan(clip: Path) -> Plan:
    """The clip in four segments."""
    return make_plan(probe(clip, ClipLimits()), segment_seconds=0.5)


async def asked(places: BackendPool, clip: Path, plan: Plan, folder: Path) -> list[str]:
    """Whom a job asks now, one after the other."""
    events: list[Event] = []
    chain = places.create_chain()
    await chain.make_mattes(clip, plan, folder, events.append)
    assert not find_missing_segments(plan, folder)
    return [event.backend for event in events if isinstance(event, BackendStarted)]


async def test_a_new_order_holds_for_the_next_job(
    settings: Callable[..., Settings],
    knobs: KeyValueStore,
    door: Door,
    clip: Path,
    plan: Plan,
    tmp_path: Path,
) -> None:
    """Who was second is asked first, and does it; who was first is not asked at all."""
    door.status = 401  # locked, as it must be, but without the jobs of a service
    places = await BackendPool.create(settings("modal", "local-cpu"), knobs, WORKS)
    assert await asked(places, clip, plan, tmp_path / "1") == ["modal", "local-cpu"]
    await places.put_first("local-cpu")
    assert await asked(places, clip, plan, tmp_path / "2") == ["local-cpu"]


async def test_a_running_job_keeps_its_places(
    settings: Callable[..., Settings],
    knobs: KeyValueStore,
    door: Door,
    clip: Path,
    plan: Plan,
    tmp_path: Path,
) -> None:
    """A change while a job runs is none for that job, and one for the next."""
    slow = (sys.executable, str(MISBEHAVING_VIDEO_CLI), "slow")
    door.status = 401
    places = await BackendPool.create(settings("local-cpu", "modal"), knobs, slow)
    events: list[Event] = []
    chain = places.create_chain()
    running = asyncio.create_task(chain.make_mattes(clip, plan, tmp_path / "1", events.append))
    while not events:
        await asyncio.sleep(0.01)
    await places.put_first("modal")
    await places.set_enabled("local-cpu", is_enabled=False)
    await running
    assert [event.backend for event in events if isinstance(event, BackendStarted)] == ["local-cpu"]
    with pytest.raises(BackendUnavailable):
        await asked(places, clip, plan, tmp_path / "2")


async def test_the_order_outlives_a_restart(
    settings: Callable[..., Settings], knobs: KeyValueStore, door: Door
) -> None:
    """Another process with the same database has the order that admins chose, and who is off."""
    door.status = 401
    have = settings("modal", "local-cpu")
    before = await BackendPool.create(have, knobs, WORKS)
    await before.put_first("local-cpu")
    await before.set_enabled("modal", is_enabled=False)
    after = await BackendPool.create(have, knobs, WORKS)
    assert after.names == ("local-cpu", "modal")
    assert [health.is_enabled for health in after.get_health()] == [True, False]
    assert not after.is_automatic


async def test_auto_is_the_settings_order_with_nobody_off(
    settings: Callable[..., Settings], knobs: KeyValueStore, door: Door
) -> None:
    """Whatever was changed, and after a restart too."""
    door.status = 401
    have = settings("modal", "local-cpu")
    places = await BackendPool.create(have, knobs, WORKS)
    await places.set_order(["local-cpu"])
    await places.reset_order()
    for now in (places, await BackendPool.create(have, knobs, WORKS)):
        assert now.is_automatic
        assert now.names == ("modal", "local-cpu")
        assert all(health.is_enabled for health in now.get_health())


async def test_the_last_place_that_is_there_stays_on(
    settings: Callable[..., Settings], knobs: KeyValueStore
) -> None:
    """Switching it off is refused, though one that was left out would still be on."""
    places = await BackendPool.create(settings("modal", "local-cpu"), knobs, WORKS)
    for change in (
        places.set_enabled("local-cpu", is_enabled=False),
        places.set_order(["modal"]),
        places.set_order([]),
    ):
        with pytest.raises(LastBackend):
            await change
    assert places.is_automatic
    assert await knobs.get("places") is None


async def test_places_of_other_settings_are_unknown(
    settings: Callable[..., Settings], knobs: KeyValueStore
) -> None:
    """What the settings do not name cannot be put anywhere."""
    places = await BackendPool.create(settings("local-cpu"), knobs, WORKS)
    for change in (
        places.put_first("modal"),
        places.move_up("x"),
        places.set_enabled("", is_enabled=True),
    ):
        with pytest.raises(UnknownBackend):
            await change


async def test_a_kept_order_that_fits_nothing_is_forgotten(
    settings: Callable[..., Settings], knobs: KeyValueStore
) -> None:
    """Other settings, an older version's form: the settings' own order is better than none."""
    for kept in ({"names": ["local-cpu"], "off": ["local-cpu"]}, {"names": 7}, "local-cpu"):
        await knobs.put("places", kept)
        places = await BackendPool.create(settings("local-cpu"), knobs, WORKS)
        assert places.is_automatic


async def test_a_start_without_any_place_is_refused(
    settings: Callable[..., Settings], knobs: KeyValueStore
) -> None:
    """In one line that names the variable."""
    with pytest.raises(NoBackendAvailable, match=r"^OVERLAY_BACKENDS=modal: "):
        await BackendPool.create(settings("modal"), knobs, WORKS)


async def test_who_was_left_out_is_not_asked_and_says_why(
    settings: Callable[..., Settings], knobs: KeyValueStore, clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """A service that lets everybody in gets nobody's clip."""
    places = await BackendPool.create(settings("modal", "local-cpu"), knobs, WORKS)
    assert places.get_health()[0].unavailable_because is FailureKind.UNSAFE
    assert await asked(places, clip, plan, tmp_path / "1") == ["local-cpu"]


async def test_a_service_that_comes_back_is_used(
    settings: Callable[..., Settings], knobs: KeyValueStore, door: Door
) -> None:
    """Once an admin has us look again."""
    places = await BackendPool.create(settings("modal", "local-cpu"), knobs, WORKS)
    door.status = 401
    await places.recheck_unavailable()
    assert places.get_health()[0].unavailable_because is None


async def test_a_service_that_comes_back_is_noticed(
    settings: Callable[..., Settings], knobs: KeyValueStore, door: Door
) -> None:
    """Without anybody's doing, where we look now and then."""
    places = await BackendPool.create(settings("modal", "local-cpu"), knobs, WORKS)
    watching = asyncio.create_task(places.watch(0.05))
    door.status = 401
    async with asyncio.timeout(5):
        while places.get_health()[0].unavailable_because:
            await asyncio.sleep(0.02)
    knocks = door.knocks
    await asyncio.sleep(0.3)
    watching.cancel()
    assert door.knocks == knocks  # it is there, so nobody looks


async def test_many_who_look_at_once_look_once(
    settings: Callable[..., Settings], knobs: KeyValueStore, door: Door
) -> None:
    """A button that is pressed ten times costs one look."""
    places = await BackendPool.create(settings("modal", "local-cpu"), knobs, WORKS)
    before = door.knocks
    await asyncio.gather(*(places.recheck_unavailable() for _ in range(10)))
    assert door.knocks == before + 1


async def test_where_only_absent_places_are_on_the_job_fails_with_their_reasons(
    settings: Callable[..., Settings],
    knobs: KeyValueStore,
    door: Door,
    clip: Path,
    plan: Plan,
    tmp_path: Path,
) -> None:
    """So it is parked, and done when one is back; who is off stays off."""
    door.status = 401
    have = settings("modal", "local-cpu")
    await (await BackendPool.create(have, knobs, WORKS)).set_order(["modal"])
    door.status = 200
    places = await BackendPool.create(have, knobs, WORKS)
    events: list[Event] = []
    with pytest.raises(BackendUnavailable) as caught:
        await places.create_chain().make_mattes(clip, plan, tmp_path / "1", events.append)
    assert caught.value.kind is FailureKind.ALL_FAILED
    assert [event.why for event in events if isinstance(event, FellBack)] == [FailureKind.UNSAFE]


async def test_health_tells_rest_and_speed(
    settings: Callable[..., Settings], knobs: KeyValueStore, door: Door, tmp_path: Path
) -> None:
    """As the breaker and the estimates know them."""
    door.status = 401
    known = BackendState(tmp_path)
    known.estimates.record("modal", "mediapipe", 410.0)
    places = await BackendPool.create(settings("modal", "local-cpu"), knobs, WORKS)
    modal, here = places.get_health()
    assert modal.speeds == {"mediapipe": 410.0}
    assert (modal.cooldown_seconds, modal.failures) == (0, 0)
    assert here.speeds == {"rembg": 13.0}

    with known.breaker_states.update() as rests:
        rests["modal"] = BreakerState(failures=2, until=time.monotonic() + 30)
    modal, _ = places.get_health()
    assert 28 < modal.cooldown_seconds <= 30
    assert modal.failures == 2
    with known.breaker_states.update() as rests:  # of before the machine started
        rests["modal"] = BreakerState(failures=2, until=time.monotonic() + 3000)
    assert places.get_health()[0].cooldown_seconds == 0


async def test_a_service_of_ones_own_is_called_by_its_host(
    tmp_path: Path, knobs: KeyValueStore
) -> None:
    """Nobody reads in a chat what else its address holds."""
    names = ("https://somebody:secret@127.0.0.1:9/path", "local-cpu")
    have = Settings(backends=BackendSettings(names=names), storage=StorageSettings(folder=tmp_path))
    places = await BackendPool.create(have, knobs, WORKS)
    assert places.names == ("127.0.0.1:9", "local-cpu")


def test_a_ranking_fits_itself_to_other_settings() -> None:
    """Places that are gone are forgotten, new ones are asked last."""
    ranking = BackendOrder(names=("c", "a", "b"), off=frozenset({"a", "b"}))
    fitted = ranking.fit_to(("a", "c", "d"))
    assert fitted == BackendOrder(names=("c", "a", "d"), off=frozenset({"a"}))
    assert fitted.enabled == ("c", "d")


def test_the_first_place_cannot_rise() -> None:
    """Nothing changes."""
    ranking = BackendOrder(names=("a", "b", "c"))
    assert ranking.move_up("a") == ranking
    assert ranking.move_up("c").names == ("a", "c", "b")
    assert ranking.put_first("c").names == ("c", "a", "b")
