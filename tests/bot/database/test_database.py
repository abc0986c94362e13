"""What the bot remembers, and that it can be relied on."""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiogram.fsm.storage.base import StorageKey
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.drafts import DraftNotFound, DraftRepository
from bot.database.engine import DATABASE_FILE, build_system_url, create_engine, prepare_database
from bot.database.fsm_storage import SqlStorage
from bot.database.jobs import Job, JobOrder, JobRepository, JobState, QueueFull, TooManyJobs
from bot.database.repository import KeyValueStore
from bot.database.schema import MIGRATIONS, SCHEMA_VERSION, DatabaseUnusable, metadata, migrate
from bot.database.statistics import MeasurementRepository
from bot.database.users import Preferences, UserRepository
from bot.domain.draft import MAX_SERIES, CardPage, Draft
from bot.domain.job_request import (
    Appearance,
    BackgroundChoice,
    Destination,
    JobRequest,
    Language,
    MediaSource,
    OverlaySize,
    Requester,
    SourceKind,
)
from bot.domain.saved_styles import MAX_STYLES, SavedStyle
from settings import StorageSettings
from tests.bot.support.postgres_server import created
from video_editing.contract.excerpt import WHOLE_CLIP, Excerpt
from video_editing.contract.style import Shape

CLIP = MediaSource(kind=SourceKind.VIDEO, file_id="clip", size=1000, seconds=3)
PHOTO = MediaSource(kind=SourceKind.PHOTO, file_id="photo")
LINK = MediaSource(kind=SourceKind.LINK, link="https://example.com/clip")
#: keeps a database to itself for longer than SQLite waits unasked
HOLDER = """
import sqlite3, sys, time
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(6)
other.execute("COMMIT")
"""
FILM = MediaSource(kind=SourceKind.VIDEO, file_id="film")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """A new database, of either kind."""
    storage = StorageSettings(folder=tmp_path)
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        address = SecretStr(created(server, f"test_{secrets.token_hex(4)}"))
        storage = StorageSettings(folder=tmp_path, database_url=address)
    made = create_engine(storage)
    await prepare_database(made)
    yield made
    await made.dispose()


async def opened(
    drafts: DraftRepository,
    message: int = 1,
    *,
    user: int = 7,
    chat: int = 8,
    topic: int | None = None,
    language: Language = Language.EN,
    **more: object,
) -> Draft | None:
    """A draft of a clip, or of what *more* says."""
    given: dict[str, object] = {"appearance": Appearance(), "clip": CLIP} | more
    return await drafts.add_message(
        Requester(user, language),
        Destination(chat, topic, message),
        **given,  # type: ignore[arg-type]
    )


async def accepted(ledger: JobRepository, user: int = 7, **more: object) -> Job | None:
    """A job of *user*, of an origin of its own."""
    given: dict[str, Any] = {
        "origin": secrets.token_hex(4),
        "request": JobRequest(clip=CLIP, look=Appearance()),
        "destination": Destination(8),
    } | more
    order = JobOrder(given.pop("request"), given.pop("destination"), given.pop("origin"))
    return next(iter(await ledger.accept([order], Requester(user, Language.EN), **given)), None)


async def test_a_message_opens_one_draft(database: AsyncEngine) -> None:
    """However often it is delivered, at once or later."""
    drafts = DraftRepository(database)
    made = await asyncio.gather(*(opened(drafts) for _ in range(5)))
    assert len([draft for draft in made if draft]) == 1
    assert await opened(drafts) is None
    await drafts.delete(next(draft.id for draft in made if draft))
    assert await opened(drafts) is None


async def test_a_draft_comes_back_as_it_was(database: AsyncEngine) -> None:
    """All its fields."""
    drafts = DraftRepository(database)
    draft = await opened(
        drafts, topic=3, appearance=Appearance(size=OverlaySize.LARGE), language=Language.RU
    )
    assert draft is not None
    assert await drafts.get(draft.id) == draft
    assert await drafts.get("another") is None


async def test_an_album_is_one_draft(database: AsyncEngine) -> None:
    """With all its clips; pictures, in any order, are backgrounds."""
    drafts = DraftRepository(database, series_seconds=0)
    first = await opened(drafts, 1, clip=None, backgrounds=[PHOTO], album="a")
    second = await opened(drafts, 2, album="a")
    third = await opened(drafts, 3, clip=FILM, album="a")
    other = await opened(drafts, 4, album="b")
    assert first is not None
    assert second is not None
    assert third is not None
    assert other is not None
    assert not first.is_merged
    assert second.is_merged
    assert {first.id, second.id, third.id} == {first.id}
    assert other.id != first.id
    kept = await drafts.get(first.id)
    assert kept is not None
    assert [clip.source for clip in kept.clips] == [CLIP, FILM]
    assert (kept.clip, kept.message, kept.backgrounds) == (CLIP, 2, (PHOTO,))
    assert kept.look.backdrop == BackgroundChoice(kind="file", source=PHOTO)


async def test_clips_that_follow_each_other_are_one_draft(database: AsyncEngine) -> None:
    """As many as an album has; an album continues it; not in another chat, nor of another user."""
    drafts = DraftRepository(database)
    made = await asyncio.gather(*(opened(drafts, number) for number in range(MAX_SERIES - 1)))
    (draft_id,) = {draft.id for draft in made if draft}
    joined = [await opened(drafts, 20 + number, clip=FILM, album="a") for number in range(2)]
    draft = await drafts.get(draft_id)
    assert draft is not None
    assert [clip.message for clip in draft.clips] == [*range(MAX_SERIES - 1), 20]
    assert [one.is_merged for one in joined if one] == [True, False]
    for number, other in enumerate(({"user": 99}, {"chat": 99}, {"topic": 99})):
        one = await opened(drafts, 30 + number, **other)  # type: ignore[arg-type]
        assert one is not None
        assert not one.is_merged


async def test_a_series_can_be_separated(database: AsyncEngine) -> None:
    """Each clip has a draft like the first; too many at once change nothing."""
    drafts = DraftRepository(database)
    for number in range(3):
        draft = await opened(drafts, number, album="a")
    assert draft is not None
    look = Appearance(size=OverlaySize.LARGE)
    await drafts.set_appearance(draft.id, look)
    parts = await drafts.separate(draft.id)
    assert [(part.message, part.look, part.clips[1:]) for part in parts] == [
        (1, look, ()),
        (2, look, ()),
    ]
    assert parts == [await drafts.get(part.id) for part in parts]
    single = await drafts.get(draft.id)
    assert single is not None
    assert [clip.message for clip in single.clips] == [0]


async def test_a_late_clip_of_an_ordered_album_is_a_draft_of_its_own(database: AsyncEngine) -> None:
    """A late picture is not."""
    drafts = DraftRepository(database)
    album = await opened(drafts, 1, album="a")
    assert album is not None
    await drafts.mark_used(album)
    picture = await opened(drafts, 2, clip=None, backgrounds=[PHOTO], album="a")
    late = await opened(drafts, 3, album="a")
    assert picture is not None
    assert late is not None
    assert (picture.id, late.is_merged) == (album.id, False)


async def test_an_album_that_comes_at_once_is_one_draft(database: AsyncEngine) -> None:
    """No part is lost when all handlers run side by side."""
    drafts = DraftRepository(database)
    photos = [PHOTO.model_copy(update={"file_id": str(number)}) for number in range(8)]
    await asyncio.gather(
        opened(drafts, 99, album="a"),
        *(
            opened(drafts, number, clip=None, backgrounds=[photo], album="a")
            for number, photo in enumerate(photos)
        ),
    )
    (draft_id,) = await drafts.list_stale(time.time() + 1)
    draft = await drafts.get(draft_id)
    assert draft is not None
    assert draft.clip == CLIP
    assert set(draft.backgrounds) == set(photos)


async def test_a_draft_is_used_with_all_its_clips(database: AsyncEngine) -> None:
    """One that came after a draft was read is not lost; one that comes later is another draft."""
    drafts = DraftRepository(database)
    read = await opened(drafts, 2)
    assert read is not None
    await opened(drafts, 1, clip=FILM)
    latest = await drafts.mark_used(read)
    assert latest is not None
    assert [clip.source for clip in latest.clips] == [FILM, CLIP]
    assert latest.clip == CLIP  # whose file may be in the folder of the draft
    assert await drafts.mark_used(latest) is None
    late = await opened(drafts, 3)
    assert late is not None
    assert not late.is_merged


async def test_what_changes_on_a_draft(database: AsyncEngine) -> None:
    """Look, backgrounds, and our messages."""
    drafts = DraftRepository(database)
    draft = await opened(drafts)
    assert draft is not None
    await drafts.set_appearance(draft.id, Appearance(size=OverlaySize.SMALL))
    await drafts.set_note(draft.id, 10)
    await drafts.set_card(draft.id, 11)
    changed = await drafts.add_background(draft.id, PHOTO)
    look = Appearance(size=OverlaySize.SMALL, backdrop=BackgroundChoice(kind="file", source=PHOTO))
    assert changed == replace(draft, look=look, backgrounds=(PHOTO,), note=10, card=11)
    assert await drafts.get(draft.id) == changed


async def test_the_part_and_the_page_of_a_draft(database: AsyncEngine) -> None:
    """Are stored; a draft of the first version of the tables has neither."""
    drafts = DraftRepository(database)
    draft = await opened(drafts)
    assert draft is not None
    assert (draft.page, draft.excerpt) == (CardPage.FIRST, WHOLE_CLIP)
    part, look = Excerpt(start=0.5, end=9), Appearance(shape=Shape.RECT)
    trimmed = replace(draft, excerpt=part, look=look, mattes="a-job")
    await drafts.set_choices(trimmed)
    await drafts.set_page(draft.id, CardPage.TRIM)
    assert await drafts.get(draft.id) == replace(trimmed, page=CardPage.TRIM)
    async with database.execution_options(writes=True).begin() as connection:
        await connection.execute(
            text("UPDATE drafts SET page = NULL, excerpt = NULL, form = NULL, mattes = NULL")
        )
    assert await drafts.get(draft.id) == replace(draft, look=trimmed.look)


async def test_the_open_draft_of_a_card(database: AsyncEngine) -> None:
    """By its card, or the last one; neither of another chat or user, nor one that is ordered."""
    drafts = DraftRepository(database, series_seconds=0)
    for number in (1, 2, 3):
        draft = await opened(drafts, number)
        assert draft is not None
        if number < 3:  # the third has no card yet: it is the last one all the same
            await drafts.set_card(draft.id, 10 + number)
    first = await drafts.find_open(draft.user, draft.chat, 11)
    last = await drafts.find_open(draft.user, draft.chat, None)
    assert first
    assert last
    assert (first.message, last.message) == (1, 3)
    for user, chat, card in ((99, draft.chat, 11), (draft.user, 99, 11), (draft.user, 99, None)):
        assert await drafts.find_open(user, chat, card) is None
    await drafts.mark_used(first)
    assert await drafts.find_open(draft.user, draft.chat, 11) is None


async def test_a_dropped_draft_cannot_be_changed(database: AsyncEngine) -> None:
    drafts = DraftRepository(database)
    draft = await opened(drafts)
    assert draft is not None
    await drafts.delete(draft.id)
    with pytest.raises(DraftNotFound):
        await drafts.set_appearance(draft.id, Appearance())
    with pytest.raises(DraftNotFound):
        await drafts.set_choices(draft)
    with pytest.raises(DraftNotFound):
        await drafts.set_page(draft.id, CardPage.RING)
    with pytest.raises(DraftNotFound):
        await drafts.add_background(draft.id, PHOTO)


async def test_stale_drafts(database: AsyncEngine) -> None:
    """Those opened before a time, of any user."""
    drafts = DraftRepository(database, series_seconds=0)
    one = await opened(drafts, 1)
    await opened(drafts, 2)
    await opened(drafts, 3, user=70)
    await opened(drafts, 4, chat=80)
    assert one is not None
    assert await drafts.list_stale(one.created) == []
    assert len(await drafts.list_stale(time.time() + 1)) == 4


async def test_people_keep_language_and_look(database: AsyncEngine) -> None:
    """Each by itself, and each user has a row of its own."""
    people = UserRepository(database)
    assert await people.get_preferences(7) == Preferences()
    await people.set_language(7, Language.RU)
    await people.set_appearance(7, Appearance(size=OverlaySize.LARGE))
    large = Appearance(size=OverlaySize.LARGE)
    assert await people.get_preferences(7) == Preferences(Language.RU, large)
    await people.reset_appearance(7)
    assert await people.get_preferences(7) == Preferences(Language.RU)
    assert await people.get_preferences(8) == Preferences()


async def test_a_look_of_another_version_is_the_default(database: AsyncEngine) -> None:
    """What cannot be read any more is not an error."""
    people = UserRepository(database)
    await people.set_appearance(7, Appearance())
    async with database.execution_options(writes=True).begin() as connection:
        await connection.execute(text("""UPDATE people SET look = '{"shape": "star"}'"""))
    assert await people.get_preferences(7) == Preferences()


async def test_styles_are_kept_until_the_user_is_forgotten(database: AsyncEngine) -> None:
    """The default one is what cards begin with; one that cannot be read costs only itself."""
    people, rect = UserRepository(database), Appearance(shape=Shape.RECT)
    for name in ("a", "b"):
        style = SavedStyle(id=name, name=name, look=rect)
        await people.change_styles(7, lambda styles, style=style: styles.save(style))
    await people.change_styles(7, lambda styles: styles.set_default("b"))
    await people.set_appearance(7, Appearance(size=OverlaySize.LARGE))
    found = await people.get_preferences(7)
    assert [style.id for style in found.styles.saved] == ["a", "b"]
    assert found.appearance == rect
    async with database.execution_options(writes=True).begin() as connection:
        stored = await connection.scalar(text("SELECT styles FROM people"))
        torn = str(stored if isinstance(stored, str) else json.dumps(stored))
        torn = torn.replace('"rect"', '"star"', 1)
        await connection.execute(text("UPDATE people SET styles = :torn"), {"torn": torn})
    assert [style.id for style in (await people.get_styles(7)).saved] == ["b"]
    await people.reset_appearance(7)
    assert (await people.get_preferences(7)).appearance == Appearance()
    assert len((await people.get_styles(7)).saved) == 1
    await people.delete(7)
    assert await people.get_preferences(7) == Preferences()


async def test_styles_that_change_at_once_are_all_kept(database: AsyncEngine) -> None:
    """Two taps on *Save*, or two processes for a moment."""
    people = UserRepository(database)
    styles = [SavedStyle(id=f"s{i}", name=f"s{i}", look=Appearance()) for i in range(MAX_STYLES)]
    changes = (people.change_styles(7, lambda old, new=new: old.save(new)) for new in styles)
    await asyncio.gather(*changes)
    assert len((await people.get_styles(7)).saved) == MAX_STYLES


async def test_knobs_keep_json(database: AsyncEngine) -> None:
    knobs = KeyValueStore(database)
    assert await knobs.get("order") is None
    await knobs.put("order", ["modal", "local-cpu"])
    await knobs.put("order", {"names": ["local-cpu"], "since": 1.5})
    assert await knobs.get("order") == {"names": ["local-cpu"], "since": 1.5}
    await knobs.put("order", None)
    assert await knobs.get("order") is None


async def test_conversations_are_kept(database: AsyncEngine) -> None:
    """State and data, each chat its own; what is finished leaves no row."""
    conversation = SqlStorage(database)
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
    ledger = JobRepository(database)
    made = await asyncio.gather(*(accepted(ledger, origin="draft:x") for _ in range(5)))
    assert len([job for job in made if job]) == 1


async def test_one_runs_and_three_wait_for_each(database: AsyncEngine) -> None:
    """The fifth is refused, also when all come at once; another user's is taken."""
    ledger = JobRepository(database)
    made = await asyncio.gather(*(accepted(ledger) for _ in range(9)), return_exceptions=True)
    refused = [job for job in made if isinstance(job, TooManyJobs)]
    assert [one.count for one in refused] == [4] * 5
    assert await accepted(ledger, user=70) is not None


async def test_a_full_queue_refuses(database: AsyncEngine) -> None:
    """It is bounded in all; what is there is kept."""
    ledger = JobRepository(database)
    for user in range(3):
        await accepted(ledger, user=user, max_waiting=3)
    with pytest.raises(QueueFull):
        await accepted(ledger, user=9, max_waiting=3)
    assert len(await ledger.list_open()) == 3


async def test_a_job_comes_back_as_it_was(database: AsyncEngine) -> None:
    """And knows what happened to it."""
    ledger = JobRepository(database)
    job = await accepted(ledger)
    assert job is not None
    assert await ledger.get(job.id) == job
    await ledger.mark_running(job.id, "mattes")
    await ledger.set_status_message(job.id, 5)
    now = await ledger.get(job.id)
    assert now is not None
    assert (now.state, now.stage, now.status) == (JobState.RUNNING, "mattes", 5)
    await ledger.finish(job.id, JobState.FAILED, fault="poison")
    now = await ledger.get(job.id)
    assert now is not None
    assert (now.is_over, now.fault, now.status) == (True, "poison", None)
    assert await ledger.list_open_of_user(7) == []


async def test_what_is_over_is_not_begun_again(database: AsyncEngine) -> None:
    """Whatever a stage that comes late, or again, writes down."""
    ledger = JobRepository(database)
    job = await accepted(ledger)
    assert job is not None
    await ledger.finish(job.id, JobState.DONE)
    over = await ledger.get(job.id)
    await ledger.mark_running(job.id, "deliver")
    await ledger.park(job.id, 1)
    await ledger.delay(job.id, 1)
    assert await ledger.get(job.id) == over


async def test_links_and_names_are_forgotten(database: AsyncEngine) -> None:
    """Some time after the job; what else was ordered stays, also of those that are open."""
    ledger = JobRepository(database)
    behind = BackgroundChoice(kind="file", source=LINK)
    orders = [
        JobRequest(clip=LINK, look=Appearance(shape=Shape.RECT)),
        JobRequest(clip=CLIP, look=Appearance()),
    ]
    named = CLIP.model_copy(update={"name": "talk"})
    orders += [JobRequest(clip=named, look=Appearance(backdrop=behind)), orders[0]]
    made = [await accepted(ledger, user=user, request=order) for user, order in enumerate(orders)]
    ids = [job.id for job in made if job]
    for id_ in ids[:3]:
        await ledger.finish(id_, JobState.DONE)

    await ledger.erase_links(time.time() - 60)
    assert [(job.order if (job := await ledger.get(id_)) else None) for id_ in ids] == orders
    for _ in range(2):
        await ledger.erase_links(time.time() + 60)
        now = [job.order for id_ in ids if (job := await ledger.get(id_))]
        assert now[0] == orders[0].model_copy(update={"clip": MediaSource(kind=SourceKind.LINK)})
        assert now[1] == orders[1]
        assert now[2].look.backdrop.source == MediaSource(kind=SourceKind.LINK)
        assert now[2].clip == CLIP
        assert now[3] == orders[3]


async def test_a_group_that_moved_keeps_its_jobs_and_drafts(database: AsyncEngine) -> None:
    """Under its new id, without the ids of messages in the old group; other chats stay."""
    jobs, drafts = JobRepository(database), DraftRepository(database)
    job, other = (
        await accepted(jobs),
        await accepted(jobs, user=9, destination=Destination(10, 3, 4)),
    )
    draft = await opened(drafts)
    assert job
    assert other
    assert draft
    await jobs.set_status_message(job.id, 5)
    await drafts.set_card(draft.id, 6)
    for repository in (jobs, drafts):
        await repository.move_chat(8, -1008)
    now, card = await jobs.get(job.id), await drafts.get(draft.id)
    assert now
    assert card
    assert (now.destination, now.status) == (Destination(-1008), None)
    assert (card.destination.chat, card.card, card.note) == (-1008, None, None)
    assert await jobs.get(other.id) == other


async def test_a_place_may_have_the_name_of_a_host(database: AsyncEngine) -> None:
    """Which are long."""
    await MeasurementRepository(database).record_stage("job", "mattes", "a" * 253, 1.0)


async def test_only_the_owner_cancels(database: AsyncEngine) -> None:
    """And only what is not over."""
    ledger = JobRepository(database)
    job = await accepted(ledger)
    assert job is not None
    assert not await ledger.mark_cancelled(job.id, user=70)
    assert await ledger.mark_cancelled(job.id, user=7)
    await ledger.finish(job.id, JobState.CANCELLED)
    assert not await ledger.mark_cancelled(job.id, user=7)


async def test_what_went_wrong_counts_until_it_gets_further(database: AsyncEngine) -> None:
    """Deaths while it ran; being asked to end is none."""
    ledger = JobRepository(database)
    job, other = await accepted(ledger), await accepted(ledger, user=70)
    assert job is not None
    assert other is not None

    async def counted() -> tuple[int, int]:
        now = await ledger.get(job.id)
        assert now is not None
        return now.attempts, now.deaths

    await ledger.mark_running(job.id, "fetch")
    await ledger.count_crash()
    await ledger.mark_running(job.id, "fetch")
    await ledger.mark_interrupted([job.id])
    await ledger.count_crash()
    assert await ledger.count_attempt(job.id) == 1
    assert await counted() == (1, 1)
    await ledger.record_progress(job.id, "2:000000100")
    assert await counted() == (0, 0)
    await ledger.count_attempt(job.id)
    await ledger.record_progress(job.id, "2:000000100")
    assert await counted() == (1, 0)
    there = await ledger.get(other.id)
    assert there == other


async def test_parking_counts_pauses(database: AsyncEngine) -> None:
    """And keeps when it was parked first."""
    ledger = JobRepository(database)
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
    await ledger.record_progress(job.id, "1:01")
    now = await ledger.get(job.id)
    assert now is not None
    assert (now.pauses, now.parked) == (0, None)


async def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
    """Another process may hold the lock for long; nothing is lost, the loop goes on."""
    database = create_engine(StorageSettings(folder=tmp_path))
    await prepare_database(database)
    ledger = JobRepository(database)
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(tmp_path / DATABASE_FILE), stdout=asyncio.subprocess.PIPE
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
    made = create_engine(StorageSettings(folder=tmp_path))
    await prepare_database(made)
    for user in range(200):
        await UserRepository(made).set_language(user, Language.EN)
    await made.dispose()
    file = tmp_path / DATABASE_FILE
    content = bytearray(file.read_bytes())
    if damage:
        content[: len(damage)] = damage
    else:  # as when power fails in the middle of a write
        content[4096:] = bytes(len(content) - 4096)
    file.write_bytes(content)
    for _ in range(2):
        torn = create_engine(StorageSettings(folder=tmp_path))
        with pytest.raises(DatabaseUnusable, match=r"^overlaybot.sqlite is damaged .*$"):
            await prepare_database(torn)
        await torn.dispose()
    (copy,) = tmp_path.glob("*broken*")
    assert copy.read_bytes() == content


async def test_a_later_version_is_refused(tmp_path: Path) -> None:
    """A program that was rolled back does not write into what it does not know."""
    made = create_engine(StorageSettings(folder=tmp_path))
    await prepare_database(made)
    async with made.execution_options(writes=True).begin() as connection:
        await connection.execute(text("UPDATE schema_version SET version = 99"))
    with pytest.raises(DatabaseUnusable, match="later version"):
        await prepare_database(made)
    await made.dispose()


async def test_an_older_version_is_brought_forward(tmp_path: Path) -> None:
    """Its rows stay, its tables get what is new; and only once."""
    made = create_engine(StorageSettings(folder=tmp_path))
    await prepare_database(made)
    await UserRepository(made).set_language(7, Language.RU)
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
    assert version == SCHEMA_VERSION + 1
    await made.dispose()


async def test_preparing_again_changes_nothing(database: AsyncEngine) -> None:
    """Each start prepares."""
    people = UserRepository(database)
    await people.set_language(7, Language.RU)
    await prepare_database(database)
    assert (await people.get_preferences(7)).language is Language.RU
    async with database.connect() as connection:
        assert await connection.scalar(text("SELECT version FROM schema_version")) == SCHEMA_VERSION


def test_no_table_can_hold_a_file() -> None:
    """Words and numbers only."""
    columns = [column for table in metadata.tables.values() for column in table.columns]
    assert not [column for column in columns if column.type.python_type is bytes]


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """In one line that names the variable."""
    (tmp_path / "file").touch()
    made = create_engine(StorageSettings(folder=tmp_path / "file" / "data"))
    with pytest.raises(DatabaseUnusable, match="DATA_DIR"):
        await prepare_database(made)
    await made.dispose()


def test_both_ways_lead_to_one_database(tmp_path: Path) -> None:
    """Workflows and all else share it."""
    storage = StorageSettings(folder=tmp_path)
    assert build_system_url(storage) == f"sqlite:///{tmp_path / DATABASE_FILE}"


async def test_jobs_that_are_over_are_deleted_after_a_time(database: AsyncEngine) -> None:
    """Those of one user, or of all; open ones stay."""
    ledger = JobRepository(database)
    made = [await accepted(ledger, user=user) for user in (1, 2, 3)]
    ids = [job.id for job in made if job]
    for id_ in ids[:2]:
        await ledger.finish(id_, JobState.DONE)
    await ledger.delete_ended(before=time.time() + 60, user=1)
    assert [await ledger.get(id_) is None for id_ in ids] == [True, False, False]
    await ledger.delete_ended(before=time.time() + 60)
    assert [await ledger.get(id_) is None for id_ in ids] == [True, True, False]
