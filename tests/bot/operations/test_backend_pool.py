"""The order of backends as admins set it, and unavailable backends."""

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
class FakeService:
    """A service that answers every request with one status, with or without a key."""

    status: int
    address: str = ""
    requests: int = 0

    async def answer(self, _request: web.Request) -> web.Response:
        """Answer one request."""
        self.requests += 1
        return web.Response(status=self.status)


@pytest.fixture
async def service() -> AsyncIterator[FakeService]:
    """A service that is open to everybody, and so not safe."""
    service = FakeService(200)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield service
    await runner.cleanup()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """An empty database in the test's folder."""
    engine = create_engine(StorageSettings(folder=tmp_path))
    await prepare_database(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
def store(database: AsyncEngine) -> KeyValueStore:
    """What admins changed: nothing yet."""
    return KeyValueStore(database)


@pytest.fixture
def settings(tmp_path: Path, service: FakeService) -> Callable[..., Settings]:
    """Settings that name the given backends; modal is the fake service."""

    def create(*names: str) -> Settings:
        return Settings(
            backends=BackendSettings(names=names),
            remote=RemoteSettings(endpoint=service.address, token="x"),  # noqa: S106 - opens nothing
            storage=StorageSettings(folder=tmp_path),
        )

    return create


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of two seconds."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", drawn(60))


@pytest.fixture(scope="module")
def plan(clip: Path) -> Plan:
    """The clip in four segments."""
    return make_plan(probe(clip, ClipLimits()), segment_seconds=0.5)


async def list_used_backends(pool: BackendPool, clip: Path, plan: Plan, folder: Path) -> list[str]:
    """The backends that a job uses now, in order."""
    events: list[Event] = []
    chain = pool.create_chain()
    await chain.make_mattes(clip, plan, folder, events.append)
    assert not find_missing_segments(plan, folder)
    return [event.backend for event in events if isinstance(event, BackendStarted)]


async def test_a_new_order_holds_for_the_next_job(
    settings: Callable[..., Settings],
    store: KeyValueStore,
    service: FakeService,
    clip: Path,
    plan: Plan,
    tmp_path: Path,
) -> None:
    """Who was second is asked first, and does it; who was first is not asked at all."""
    service.status = 401  # locked, as it must be, but without the jobs of a service
    pool = await BackendPool.create(settings("modal", "local-cpu"), store, WORKS)
    assert await list_used_backends(pool, clip, plan, tmp_path / "1") == ["modal", "local-cpu"]
    await pool.put_first("local-cpu")
    assert await list_used_backends(pool, clip, plan, tmp_path / "2") == ["local-cpu"]


async def test_a_running_job_keeps_its_places(
    settings: Callable[..., Settings],
    store: KeyValueStore,
    service: FakeService,
    clip: Path,
    plan: Plan,
    tmp_path: Path,
) -> None:
    """A change while a job runs is none for that job, and one for the next."""
    slow = (sys.executable, str(MISBEHAVING_VIDEO_CLI), "slow")
    service.status = 401
    pool = await BackendPool.create(settings("local-cpu", "modal"), store, slow)
    events: list[Event] = []
    chain = pool.create_chain()
    running = asyncio.create_task(chain.make_mattes(clip, plan, tmp_path / "1", events.append))
    while not events:
        await asyncio.sleep(0.01)
    await pool.put_first("modal")
    await pool.set_enabled("local-cpu", is_enabled=False)
    await running
    assert [event.backend for event in events if isinstance(event, BackendStarted)] == ["local-cpu"]
    with pytest.raises(BackendUnavailable):
        await list_used_backends(pool, clip, plan, tmp_path / "2")


async def test_the_order_outlives_a_restart(
    settings: Callable[..., Settings], store: KeyValueStore, service: FakeService
) -> None:
    """Another process with the same database has the order that admins chose, and who is off."""
    service.status = 401
    both = settings("modal", "local-cpu")
    before = await BackendPool.create(both, store, WORKS)
    await before.put_first("local-cpu")
    await before.set_enabled("modal", is_enabled=False)
    after = await BackendPool.create(both, store, WORKS)
    assert after.names == ("local-cpu", "modal")
    assert [health.is_enabled for health in after.get_health()] == [True, False]
    assert not after.is_automatic


async def test_auto_is_the_settings_order_with_nobody_off(
    settings: Callable[..., Settings], store: KeyValueStore, service: FakeService
) -> None:
    """Whatever was changed, and after a restart too."""
    service.status = 401
    both = settings("modal", "local-cpu")
    pool = await BackendPool.create(both, store, WORKS)
    await pool.set_order(["local-cpu"])
    await pool.reset_order()
    for now in (pool, await BackendPool.create(both, store, WORKS)):
        assert now.is_automatic
        assert now.names == ("modal", "local-cpu")
        assert all(health.is_enabled for health in now.get_health())


async def test_the_last_place_that_is_there_stays_on(
    settings: Callable[..., Settings], store: KeyValueStore
) -> None:
    """Switching it off is refused, though an unavailable one would still be on."""
    pool = await BackendPool.create(settings("modal", "local-cpu"), store, WORKS)
    for change in (
        pool.set_enabled("local-cpu", is_enabled=False),
        pool.set_order(["modal"]),
        pool.set_order([]),
    ):
        with pytest.raises(LastBackend):
            await change
    assert pool.is_automatic
    assert await store.get("places") is None


async def test_places_of_other_settings_are_unknown(
    settings: Callable[..., Settings], store: KeyValueStore
) -> None:
    """What the settings do not name cannot be put anywhere."""
    pool = await BackendPool.create(settings("local-cpu"), store, WORKS)
    for change in (
        pool.put_first("modal"),
        pool.move_up("x"),
        pool.set_enabled("", is_enabled=True),
    ):
        with pytest.raises(UnknownBackend):
            await change


async def test_a_kept_order_that_fits_nothing_is_forgotten(
    settings: Callable[..., Settings], store: KeyValueStore
) -> None:
    """Other settings, an older version's form: the settings' own order is better than none."""
    for stored in ({"names": ["local-cpu"], "off": ["local-cpu"]}, {"names": 7}, "local-cpu"):
        await store.put("places", stored)
        pool = await BackendPool.create(settings("local-cpu"), store, WORKS)
        assert pool.is_automatic


async def test_a_start_without_any_place_is_refused(
    settings: Callable[..., Settings], store: KeyValueStore
) -> None:
    """In one line that names the variable."""
    with pytest.raises(NoBackendAvailable, match=r"^OVERLAY_BACKENDS=modal: "):
        await BackendPool.create(settings("modal"), store, WORKS)


async def test_who_was_left_out_is_not_asked_and_says_why(
    settings: Callable[..., Settings], store: KeyValueStore, clip: Path, plan: Plan, tmp_path: Path
) -> None:
    """A service that requires no key receives no clip."""
    pool = await BackendPool.create(settings("modal", "local-cpu"), store, WORKS)
    assert pool.get_health()[0].unavailable_because is FailureKind.UNSAFE
    assert await list_used_backends(pool, clip, plan, tmp_path / "1") == ["local-cpu"]


async def test_a_service_that_comes_back_is_used(
    settings: Callable[..., Settings], store: KeyValueStore, service: FakeService
) -> None:
    """Once an admin has us look again."""
    pool = await BackendPool.create(settings("modal", "local-cpu"), store, WORKS)
    service.status = 401
    await pool.recheck_unavailable()
    assert pool.get_health()[0].unavailable_because is None


async def test_a_service_that_comes_back_is_noticed(
    settings: Callable[..., Settings], store: KeyValueStore, service: FakeService
) -> None:
    """Without anybody's doing, where we look now and then."""
    pool = await BackendPool.create(settings("modal", "local-cpu"), store, WORKS)
    watching = asyncio.create_task(pool.watch(0.05))
    service.status = 401
    async with asyncio.timeout(5):
        while pool.get_health()[0].unavailable_because:
            await asyncio.sleep(0.02)
    requests = service.requests
    await asyncio.sleep(0.3)
    watching.cancel()
    assert service.requests == requests  # it is available, so it is not checked


async def test_many_who_look_at_once_look_once(
    settings: Callable[..., Settings], store: KeyValueStore, service: FakeService
) -> None:
    """A button that is pressed ten times costs one check."""
    pool = await BackendPool.create(settings("modal", "local-cpu"), store, WORKS)
    before = service.requests
    await asyncio.gather(*(pool.recheck_unavailable() for _ in range(10)))
    assert service.requests == before + 1


async def test_where_only_absent_places_are_on_the_job_fails_with_their_reasons(
    settings: Callable[..., Settings],
    store: KeyValueStore,
    service: FakeService,
    clip: Path,
    plan: Plan,
    tmp_path: Path,
) -> None:
    """So it is parked, and done when one is back; who is off stays off."""
    service.status = 401
    both = settings("modal", "local-cpu")
    await (await BackendPool.create(both, store, WORKS)).set_order(["modal"])
    service.status = 200
    pool = await BackendPool.create(both, store, WORKS)
    events: list[Event] = []
    with pytest.raises(BackendUnavailable) as caught:
        await pool.create_chain().make_mattes(clip, plan, tmp_path / "1", events.append)
    assert caught.value.kind is FailureKind.ALL_FAILED
    assert [event.why for event in events if isinstance(event, FellBack)] == [FailureKind.UNSAFE]


async def test_health_tells_rest_and_speed(
    settings: Callable[..., Settings], store: KeyValueStore, service: FakeService, tmp_path: Path
) -> None:
    """As the breaker and the estimates know them."""
    service.status = 401
    known = BackendState(tmp_path)
    known.estimates.record("modal", "mediapipe", 410.0)
    pool = await BackendPool.create(settings("modal", "local-cpu"), store, WORKS)
    modal, here = pool.get_health()
    assert modal.speeds == {"mediapipe": 410.0}
    assert (modal.cooldown_seconds, modal.failures) == (0, 0)
    assert here.speeds == {}  # a guess is no measurement

    with known.breaker_states.update() as rests:
        rests["modal"] = BreakerState(failures=2, until=time.monotonic() + 30)
    modal, _ = pool.get_health()
    assert 28 < modal.cooldown_seconds <= 30
    assert modal.failures == 2
    with known.breaker_states.update() as rests:  # of before the machine started
        rests["modal"] = BreakerState(failures=2, until=time.monotonic() + 3000)
    assert pool.get_health()[0].cooldown_seconds == 0


async def test_a_service_of_ones_own_is_called_by_its_host(
    tmp_path: Path, store: KeyValueStore
) -> None:
    """The rest of its address is not shown in a chat."""
    names = ("https://somebody:secret@127.0.0.1:9/path", "local-cpu")
    both = Settings(backends=BackendSettings(names=names), storage=StorageSettings(folder=tmp_path))
    pool = await BackendPool.create(both, store, WORKS)
    assert pool.names == ("127.0.0.1:9", "local-cpu")


def test_a_ranking_fits_itself_to_other_settings() -> None:
    """Removed backends are forgotten, new ones come last."""
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
