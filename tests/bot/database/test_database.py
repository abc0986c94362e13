"""What the bot remembers, and that it can be relied on."""

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiogram.fsm.storage.base import StorageKey
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.drafts import Draft, Drafts, UnknownDraft
from bot.database.engine import FILE, engine, prepare, system_url
from bot.database.fsm_storage import Conversation
from bot.database.jobs import Job, Ledger, QueueFull, State, TooMany
from bot.database.repository import Knobs
from bot.database.schema import MIGRATIONS, VERSION, DatabaseBroken, metadata, migrate
from bot.database.statistics import Measures
from bot.database.users import People
from bot.domain.appearance import Backdrop, Look, Size
from bot.domain.job_request import Language, Order
from bot.domain.media_source import Kind, Source
from settings import Storage
from tests.bot.support.postgres_server import created
from video_editing.contract.style import Shape

CLIP = Source(kind=Kind.VIDEO, file_id="clip", size=1000, seconds=3)
PHOTO = Source(kind=Kind.PHOTO, file_id="photo")
LINK = Source(kind=Kind.LINK, link="https://example.com/clip")
#: keeps a database to itself for longer than SQLite waits unasked
HOLDER = """
import sqlite3, sys, time
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(6)
other.execute("COMMIT")
"""
FILM = Source(kind=Kind.VIDEO, file_id="film")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """A new database, of either kind."""
    storage = Storage(folder=tmp_path)
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        address = SecretStr(created(server, f"test_{secrets.token_hex(4)}"))
        storage = Storage(folder=tmp_path, database_url=address)
    made = engine(storage)
    await prepare(made)
    yield made
    await made.dispose()


async def opened(drafts: Drafts, message: int = 1, **more: object) -> Draft | None:
    """A draft of a clip, or of what *more* says."""
    given: dict[str, object] = {
        "user": 7,
        "chat": 8,
        "message": message,
        "topic": None,
        "language": Language.EN,
        "look": Look(),
        "clip": CLIP,
    }
    return await drafts.open(**given | more)  # type: ignore[arg-type]


async def accepted(ledger: Ledger, user: int = 7, **more: object) -> Job | None:
    """A job of *user*, of an origin of its own."""
    given: dict[str, object] = {
        "chat": 8,
        "topic": None,
        "reply_to": None,
        "language": Language.EN,
        "origin": secrets.token_hex(4),
        "order": Order(clip=CLIP, look=Look()),
    }
    return await ledger.accept(user=user, **given | more)  # type: ignore[arg-type]


async def test_a_message_opens_one_draft(database: AsyncEngine) -> None:
    """However often it is delivered, at once or later."""
    drafts = Drafts(database)
    made = await asyncio.gather(*(opened(drafts) for _ in range(5)))
    assert len([draft for draft in made if draft]) == 1
    assert await opened(drafts) is None
    await drafts.drop(next(draft.id for draft in made if draft))
    assert await opened(drafts) is None


async def test_a_draft_comes_back_as_it_was(database: AsyncEngine) -> None:
    """All its fields."""
    drafts = Drafts(database)
    draft = await opened(drafts, topic=3, look=Look(size=Size.LARGE), language=Language.RU)
    assert draft is not None
    assert await drafts.get(draft.id) == draft
    assert await drafts.get("another") is None


async def test_an_album_is_one_draft(database: AsyncEngine) -> None:
    """The first clip is the clip; what else comes, in whichever order, is behind her."""
    drafts = Drafts(database)
    first = await opened(drafts, 1, clip=None, backgrounds=[PHOTO], album="a")
    second = await opened(drafts, 2, album="a")
    third = await opened(drafts, 3, clip=FILM, album="a")
    other = await opened(drafts, 4, album="b")
    assert first is not None
    assert second is not None
    assert third is not None
    assert other is not None
    assert not first.joined
    assert second.joined
    assert {first.id, second.id, third.id} == {first.id}
    assert other.id != first.id
    kept = await drafts.get(first.id)
    assert kept is not None
    assert (kept.clip, kept.backgrounds) == (CLIP, (PHOTO, FILM))
    assert kept.look.backdrop == Backdrop(kind="file", source=PHOTO)


async def test_an_album_that_comes_at_once_is_one_draft(database: AsyncEngine) -> None:
    """No part is lost when all handlers run side by side."""
    drafts = Drafts(database)
    photos = [PHOTO.model_copy(update={"file_id": str(number)}) for number in range(8)]
    await asyncio.gather(
        opened(drafts, 99, album="a"),
        *(
            opened(drafts, number, clip=None, backgrounds=[photo], album="a")
            for number, photo in enumerate(photos)
        ),
    )
    draft = await drafts.latest(7, 8)
    assert draft is not None
    assert draft.clip == CLIP
    assert set(draft.backgrounds) == set(photos)


async def test_a_draft_is_used_once(database: AsyncEngine) -> None:
    """Of many presses at once one is the first; and it can be opened again."""
    drafts = Drafts(database)
    draft = await opened(drafts)
    assert draft is not None
    assert sorted(await asyncio.gather(*(drafts.use(draft.id) for _ in range(5)))) == [
        *[False] * 4,
        True,
    ]
    assert await drafts.latest(7, 8) is None
    await drafts.reopen(draft.id)
    assert await drafts.use(draft.id)


async def test_what_changes_on_a_draft(database: AsyncEngine) -> None:
    """Look, backgrounds, and our messages."""
    drafts = Drafts(database)
    draft = await opened(drafts)
    assert draft is not None
    await drafts.change(draft.id, Look(size=Size.SMALL))
    await drafts.noted(draft.id, 10)
    await drafts.carded(draft.id, 11)
    changed = await drafts.add_background(draft.id, PHOTO)
    look = Look(size=Size.SMALL, backdrop=Backdrop(kind="file", source=PHOTO))
    assert changed == replace(draft, look=look, backgrounds=(PHOTO,), note=10, card=11)
    assert await drafts.get(draft.id) == changed


async def test_a_dropped_draft_cannot_be_changed(database: AsyncEngine) -> None:
    drafts = Drafts(database)
    draft = await opened(drafts)
    assert draft is not None
    await drafts.drop(draft.id)
    with pytest.raises(UnknownDraft):
        await drafts.change(draft.id, Look())
    with pytest.raises(UnknownDraft):
        await drafts.add_background(draft.id, PHOTO)


async def test_latest_and_stale_drafts(database: AsyncEngine) -> None:
    """The latest is of that user and chat; stale ones are those opened before a time."""
    drafts = Drafts(database)
    one, two = await opened(drafts, 1), await opened(drafts, 2)
    await opened(drafts, 3, user=70)
    await opened(drafts, 4, chat=80)
    assert one is not None
    assert await drafts.latest(7, 8) == two
    assert await drafts.stale(one.created) == []
    assert len(await drafts.stale(time.time() + 1)) == 4


async def test_people_keep_language_and_look(database: AsyncEngine) -> None:
    """Each by itself, and each user hers."""
    people = People(database)
    assert (await people.language(7), await people.look(7)) == (None, Look())
    await people.speak(7, Language.RU)
    await people.remember(7, Look(size=Size.LARGE))
    assert (await people.language(7), await people.look(7)) == (Language.RU, Look(size=Size.LARGE))
    await people.forget_look(7)
    assert (await people.language(7), await people.look(7)) == (Language.RU, Look())
    assert await people.language(8) is None


async def test_a_look_of_another_version_is_the_default(database: AsyncEngine) -> None:
    """What cannot be read any more stops nobody."""
    people = People(database)
    await people.remember(7, Look())
    async with database.execution_options(writes=True).begin() as connection:
        await connection.execute(text("""UPDATE people SET look = '{"shape": "star"}'"""))
    assert await people.look(7) == Look()


async def test_knobs_keep_json(database: AsyncEngine) -> None:
    knobs = Knobs(database)
    assert await knobs.get("order") is None
    await knobs.put("order", ["modal", "local-cpu"])
    await knobs.put("order", {"names": ["local-cpu"], "since": 1.5})
    assert await knobs.get("order") == {"names": ["local-cpu"], "since": 1.5}
    await knobs.put("order", None)
    assert await knobs.get("order") is None


async def test_conversations_are_kept(database: AsyncEngine) -> None:
    """State and data, each chat its own; what is finished leaves no row."""
    conversation = Conversation(database)
    here, there = StorageKey(1, 2, 3), StorageKey(1, 2, 3, thread_id=4)
    assert (await conversation.get_state(here), await conversation.get_data(here)) == (None, {})
    await conversation.set_data(here, {"draft": "x"})
    await conversation.set_state(here, "asked")
    assert await conversation.get_state(here) == "asked"
    assert await conversation.get_data(here) == {"draft": "x"}
    assert await conversation.get_state(there) is None
    await conversation.set_state(here, None)
    assert await conversation.get_data(here) == {"draft": "x"}
    await conversation.set_data(here, {})
    async with database.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM conversations")) == 0


async def test_an_origin_makes_one_job(database: AsyncEngine) -> None:
    """A redelivered press is no second job, even at the same moment."""
    ledger = Ledger(database)
    made = await asyncio.gather(*(accepted(ledger, origin="draft:x") for _ in range(5)))
    assert len([job for job in made if job]) == 1


async def test_one_runs_and_three_wait_for_each(database: AsyncEngine) -> None:
    """The fifth is refused, also when all come at once; another user's is taken."""
    ledger = Ledger(database)
    made = await asyncio.gather(*(accepted(ledger) for _ in range(9)), return_exceptions=True)
    refused = [job for job in made if isinstance(job, TooMany)]
    assert [one.mine for one in refused] == [4] * 5
    assert await accepted(ledger, user=70) is not None


async def test_a_full_queue_refuses(database: AsyncEngine) -> None:
    """It is bounded in all; what is there is kept."""
    ledger = Ledger(database)
    for user in range(3):
        await accepted(ledger, user=user, waiting_all=3)
    with pytest.raises(QueueFull):
        await accepted(ledger, user=9, waiting_all=3)
    assert len(await ledger.unfinished()) == 3


async def test_a_job_comes_back_as_it_was(database: AsyncEngine) -> None:
    """And knows what happened to it."""
    ledger = Ledger(database)
    job = await accepted(ledger)
    assert job is not None
    assert await ledger.get(job.id) == job
    await ledger.start(job.id, "mattes")
    await ledger.show(job.id, 5)
    now = await ledger.get(job.id)
    assert now is not None
    assert (now.state, now.stage, now.status) == (State.RUNNING, "mattes", 5)
    await ledger.finish(job.id, State.FAILED, fault="poison")
    now = await ledger.get(job.id)
    assert now is not None
    assert (now.over, now.fault, now.status) == (True, "poison", None)
    assert await ledger.of(7) == []


async def test_what_is_over_is_not_begun_again(database: AsyncEngine) -> None:
    """Whatever a stage that comes late, or again, writes down."""
    ledger = Ledger(database)
    job = await accepted(ledger)
    assert job is not None
    await ledger.finish(job.id, State.DONE)
    over = await ledger.get(job.id)
    await ledger.start(job.id, "deliver")
    await ledger.park(job.id, 1)
    await ledger.delay(job.id, 1)
    assert await ledger.get(job.id) == over


async def test_links_are_forgotten(database: AsyncEngine) -> None:
    """Some time after the job; what else was ordered stays, also of those that are open."""
    ledger = Ledger(database)
    behind = Backdrop(kind="file", source=LINK)
    orders = [Order(clip=LINK, look=Look(shape=Shape.RECT)), Order(clip=CLIP, look=Look())]
    orders += [Order(clip=CLIP, look=Look(backdrop=behind)), orders[0]]
    made = [await accepted(ledger, user=user, order=order) for user, order in enumerate(orders)]
    ids = [job.id for job in made if job]
    for id_ in ids[:3]:
        await ledger.finish(id_, State.DONE)

    await ledger.forget_links(time.time() - 60)
    assert [(job.order if (job := await ledger.get(id_)) else None) for id_ in ids] == orders
    for _ in range(2):
        await ledger.forget_links(time.time() + 60)
        now = [job.order for id_ in ids if (job := await ledger.get(id_))]
        assert now[0] == orders[0].model_copy(update={"clip": Source(kind=Kind.LINK)})
        assert now[1] == orders[1]
        assert now[2].look.backdrop.source == Source(kind=Kind.LINK)
        assert now[3] == orders[3]


async def test_a_place_may_have_the_name_of_a_host(database: AsyncEngine) -> None:
    """Which are long."""
    await Measures(database).note("job", "mattes", "a" * 253, 1.0)


async def test_only_the_owner_cancels(database: AsyncEngine) -> None:
    """And only what is not over."""
    ledger = Ledger(database)
    job = await accepted(ledger)
    assert job is not None
    assert not await ledger.cancel(job.id, user=70)
    assert await ledger.cancel(job.id, user=7)
    await ledger.finish(job.id, State.CANCELLED)
    assert not await ledger.cancel(job.id, user=7)


async def test_what_went_wrong_counts_until_it_gets_further(database: AsyncEngine) -> None:
    """Deaths while it ran; being asked to end is none."""
    ledger = Ledger(database)
    job, other = await accepted(ledger), await accepted(ledger, user=70)
    assert job is not None
    assert other is not None

    async def counted() -> tuple[int, int]:
        now = await ledger.get(job.id)
        assert now is not None
        return now.attempts, now.deaths

    await ledger.start(job.id, "fetch")
    await ledger.died()
    await ledger.start(job.id, "fetch")
    await ledger.interrupted([job.id])
    await ledger.died()
    assert await ledger.attempt(job.id) == 1
    assert await counted() == (1, 1)
    await ledger.advance(job.id, "2:000000100")
    assert await counted() == (0, 0)
    await ledger.attempt(job.id)
    await ledger.advance(job.id, "2:000000100")
    assert await counted() == (1, 0)
    there = await ledger.get(other.id)
    assert there == other


async def test_parking_counts_pauses(database: AsyncEngine) -> None:
    """And keeps when it was parked first."""
    ledger = Ledger(database)
    job = await accepted(ledger)
    assert job is not None
    await ledger.park(job.id, 15)
    first = await ledger.get(job.id)
    await ledger.park(job.id, 30)
    second = await ledger.get(job.id)
    assert first is not None
    assert second is not None
    assert (first.pauses, second.pauses) == (1, 2)
    assert first.parked == second.parked
    assert second.due > first.due
    await ledger.advance(job.id, "1:01")
    now = await ledger.get(job.id)
    assert now is not None
    assert (now.pauses, now.parked) == (0, None)


async def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
    """Somebody else may hold the lock for long; nothing is lost, the loop goes on."""
    database = engine(Storage(folder=tmp_path))
    await prepare(database)
    ledger = Ledger(database)
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(tmp_path / FILE), stdout=asyncio.subprocess.PIPE
    )
    assert other.stdout is not None
    await other.stdout.readline()
    began = time.monotonic()
    made = asyncio.create_task(accepted(ledger))
    lags = []
    while not made.done():
        slept = time.monotonic()
        await asyncio.sleep(0.05)
        lags.append(time.monotonic() - slept)
    assert time.monotonic() - began > 5.5
    assert max(lags) < 1
    assert await made is not None
    assert await other.wait() == 0
    await database.dispose()


@pytest.mark.parametrize("damage", [b"not a database at all", None])
async def test_a_torn_database_is_kept_and_told(tmp_path: Path, damage: bytes | None) -> None:
    """One line for people, and a copy beside it, once."""
    made = engine(Storage(folder=tmp_path))
    await prepare(made)
    for user in range(200):
        await People(made).speak(user, Language.EN)
    await made.dispose()
    file = tmp_path / FILE
    content = bytearray(file.read_bytes())
    if damage:
        content[: len(damage)] = damage
    else:  # as when power fails in the middle of a write
        content[4096:] = bytes(len(content) - 4096)
    file.write_bytes(content)
    for _ in range(2):
        torn = engine(Storage(folder=tmp_path))
        with pytest.raises(DatabaseBroken, match=r"^overlaybot.sqlite is damaged .*$"):
            await prepare(torn)
        await torn.dispose()
    (copy,) = tmp_path.glob("*broken*")
    assert copy.read_bytes() == content


async def test_a_later_version_is_refused(tmp_path: Path) -> None:
    """A program that was rolled back does not write into what it does not know."""
    made = engine(Storage(folder=tmp_path))
    await prepare(made)
    async with made.execution_options(writes=True).begin() as connection:
        await connection.execute(text("UPDATE schema_version SET version = 99"))
    with pytest.raises(DatabaseBroken, match="later version"):
        await prepare(made)
    await made.dispose()


async def test_an_older_version_is_brought_forward(tmp_path: Path) -> None:
    """Its rows stay, its tables get what is new; and only once."""
    made = engine(Storage(folder=tmp_path))
    await prepare(made)
    await People(made).speak(7, Language.RU)
    newer = (*MIGRATIONS, ("ALTER TABLE people ADD COLUMN shoes INTEGER DEFAULT 2",))
    for _ in range(2):
        async with made.execution_options(writes=True).begin() as connection:
            await connection.run_sync(migrate, newer)
    async with made.connect() as connection:
        assert (await connection.execute(text("SELECT language, shoes FROM people"))).one() == (
            "ru",
            2,
        )
        version = await connection.scalar(text("SELECT version FROM schema_version"))
    assert version == VERSION + 1
    await made.dispose()


async def test_preparing_again_changes_nothing(database: AsyncEngine) -> None:
    """Each start prepares."""
    people = People(database)
    await people.speak(7, Language.RU)
    await prepare(database)
    assert await people.language(7) is Language.RU
    async with database.connect() as connection:
        assert await connection.scalar(text("SELECT version FROM schema_version")) == VERSION


def test_no_table_can_hold_a_file() -> None:
    """Words and numbers only."""
    columns = [column for table in metadata.tables.values() for column in table.columns]
    assert not [column for column in columns if column.type.python_type is bytes]


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """In one line that names the variable."""
    (tmp_path / "file").touch()
    made = engine(Storage(folder=tmp_path / "file" / "data"))
    with pytest.raises(DatabaseBroken, match="DATA_DIR"):
        await prepare(made)
    await made.dispose()


def test_both_ways_lead_to_one_database(tmp_path: Path) -> None:
    """Workflows and all else share it."""
    storage = Storage(folder=tmp_path)
    assert system_url(storage) == f"sqlite:///{tmp_path / FILE}"
