"""The conversation: what is sent and pressed, and what comes of it in the database and the chat."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.default import DefaultBotProperties
from aiogram.fsm.storage.memory import SimpleEventIsolation
from aiogram.methods import (
    AnswerCallbackQuery,
    EditMessageReplyMarkup,
    EditMessageText,
    SendMessage,
    SetMyCommands,
)
from aiogram.types import BotCommandScopeChat, InlineKeyboardMarkup, Update

from backends.local.process import ProcessLimits
from backends.local.video_cli import VideoCli
from bot.database.drafts import MAX_WAITING_CARDS, SERIES_SECONDS, DraftRepository
from bot.database.engine import create_engine, prepare_database
from bot.database.fsm_storage import SqlStorage
from bot.database.jobs import DiskFull, Job, JobOrder, JobRepository, JobState
from bot.database.users import UserRepository
from bot.domain.draft import CardPage, Draft
from bot.domain.job_request import (
    Appearance,
    BackgroundChoice,
    Destination,
    JobRequest,
    Language,
    MediaSource,
    PaletteColour,
    Requester,
    RingStyle,
    SourceKind,
)
from bot.domain.outcomes import FailureCode
from bot.domain.saved_styles import SavedStyle
from bot.domain.style_code import format_style_code
from bot.handlers import create_routers
from bot.handlers.commands import ADMIN_COMMANDS, MENU_COMMANDS, set_commands
from bot.handlers.media import RecentRefusals
from bot.jobs.draft_files import DraftFiles
from bot.jobs.style_pictures import StylePictures
from bot.jobs.workspace import Workspace
from bot.telegram.errors import DownloadRejected
from bot.telegram.limits import TelegramLimits
from bot.telegram.messenger import Messenger
from bot.ui.callback_data import (
    AskColour,
    AskTimes,
    CancelJob,
    ChangeCorner,
    ChangeFormat,
    ChangeShape,
    ChooseLanguage,
    ChooseStyle,
    ForgetUser,
    KeepBackground,
    MakeResult,
    ReopenCard,
    ResetAppearance,
    ResultPage,
    SaveStyle,
    SendBackground,
    SeparateClips,
    ShowCardPage,
    ShowResultPage,
    UseStyle,
)
from bot.ui.card_choices import (
    ChooseColour,
    ChooseEngine,
    ChooseFile,
    ChooseRing,
    ChooseShape,
    TrimClip,
)
from bot.ui.keyboards import Keyboards
from bot.ui.texts import Texts
from settings import StorageSettings
from tests.bot.support.recording_session import ME, RecordingSession
from video_editing.contract.excerpt import WHOLE_CLIP, Excerpt
from video_editing.contract.formats import OutputFormat
from video_editing.contract.style import Anchor, Shape

ANN, BOB = 1, 2
GROUP = -100
WHEN = int(datetime.now(UTC).timestamp())
CLIP = {"file_id": "clip", "file_unique_id": "c", "width": 9, "height": 9, "duration": 12}
VIDEO = {"video": CLIP | {"file_size": 1000}}
PHOTO = {
    "photo": [
        {"file_id": "small", "file_unique_id": "s", "width": 90, "height": 90},
        {"file_id": "large", "file_unique_id": "l", "width": 900, "height": 900, "file_size": 5},
    ]
}
FORWARDED = {"forward_origin": {"type": "hidden_user", "date": 1, "sender_user_name": "X"}}
PICTURE = MediaSource(kind=SourceKind.PHOTO, file_id="large", size=5)


def document(name: str | None, mime: str | None, **more: Any) -> dict[str, Any]:
    """A message with a file."""
    data = {"file_id": "file", "file_unique_id": "f", "file_name": name, "mime_type": mime}
    return {"document": data | more}


def link(text: str, *entities: dict[str, Any]) -> dict[str, Any]:
    """A text in which links are marked."""
    return {"text": text, "entities": list(entities)}


@dataclass
class RecordedCards:
    """Records the cards that were requested, and draws none."""

    drafts: DraftRepository
    requested: list[str] = field(default_factory=list)
    redrawn: list[str] = field(default_factory=list)

    def request_card(self, draft_id: str) -> None:
        """Record a request for a card."""
        self.requested.append(draft_id)

    def request_redraw(self, draft_id: str) -> None:
        """Record a request to draw a card again."""
        self.redrawn.append(draft_id)

    async def drop(self, draft_id: str) -> None:
        """Delete a draft."""
        await self.drafts.delete(draft_id)


@dataclass
class RecordedJobs:
    """Stores accepted jobs, and runs none of them."""

    job_repository: JobRepository
    waiting: int = 500
    is_disk_full: bool = False

    async def accept(self, orders: Sequence[JobOrder], requester: Requester) -> list[Job]:
        """Insert jobs."""
        if self.is_disk_full:
            raise DiskFull
        return await self.job_repository.accept(orders, requester, max_waiting=self.waiting)

    async def cancel(self, job_id: str, user: int) -> bool:
        """Mark a job as cancelled."""
        return bool(await self.job_repository.mark_cancelled(job_id, user))


@dataclass
class BotChat:
    """Ann, Bob, and the bot with its real dispatcher and database."""

    dispatcher: Dispatcher
    bot: Bot
    session: RecordingSession
    users: UserRepository
    drafts: DraftRepository
    job_repository: JobRepository
    cards: RecordedCards
    jobs_service: RecordedJobs
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(10))

    async def update(self, **what: Any) -> None:
        """Give the dispatcher an update."""
        data = {"update_id": next(self.numbers)} | what
        update = Update.model_validate(data, context={"bot": self.bot})
        await self.dispatcher.feed_update(self.bot, update)

    async def sends(
        self,
        what: dict[str, Any] | str,
        user: int = ANN,
        *,
        group: bool = False,
        kind: str = "message",
        language: str = "en",
        **more: Any,
    ) -> int:
        """Have a user send something; the message's id."""
        number = next(self.numbers)
        person = {"id": user, "is_bot": False, "first_name": "A", "language_code": language}
        content = {"text": what} if isinstance(what, str) else what
        if isinstance(what, str) and what.startswith("/"):
            length = len(what.split()[0])
            content["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        chat = {"id": GROUP, "type": "supergroup"} if group else {"id": user, "type": "private"}
        message = {"message_id": number, "date": WHEN, "chat": chat, "from": person}
        await self.update(**{kind: message | content | more})
        return number

    async def presses(
        self,
        data: str,
        user: int = ANN,
        *,
        group: bool = False,
        language: str = "en",
        query_id: str = "",
    ) -> None:
        """Have a user press a button."""
        person = {"id": user, "is_bot": False, "first_name": "A", "language_code": language}
        chat = {"id": GROUP, "type": "supergroup"} if group else {"id": ANN, "type": "private"}
        under = {"message_id": 7, "date": WHEN, "chat": chat}
        query = {"id": query_id or str(next(self.numbers)), "chat_instance": "1", "data": data}
        await self.update(callback_query=query | {"from": person, "message": under | {"text": "x"}})

    async def draft(self, what: dict[str, Any] = VIDEO, **more: Any) -> Draft:
        """The draft of a clip that Ann sends."""
        await self.sends(what, **more)
        made = await self.drafts.get(self.cards.requested[-1])
        assert made
        return made

    async def done(self, **order: Any) -> Job:
        """A job of Ann's that is done."""
        clip = MediaSource(kind=SourceKind.VIDEO, file_id="clip", seconds=12)
        origin = f"draft:{next(self.numbers)}"
        request = JobRequest(**{"clip": clip, "look": Appearance()} | order)
        (job,) = await self.jobs_service.accept(
            [JobOrder(request, Destination(ANN, reply_to=5), origin)],
            Requester(ANN, Language.EN),
        )
        await self.job_repository.finish(job.id, JobState.DONE)
        return job

    async def jobs(self) -> list[Job]:
        """All that are open."""
        return await self.job_repository.list_open()

    @property
    def answers(self) -> list[str]:
        """The answers to presses."""
        return [call.text or "" for call in self.session.get_calls(AnswerCallbackQuery)]

    @property
    def alert(self) -> str:
        """The last answer to a press, which was an alert."""
        call = self.session.get_calls(AnswerCallbackQuery)[-1]
        assert call.show_alert
        return call.text or ""


def create_style_pictures(
    folder: Path, drafts: DraftRepository, job_repository: JobRepository
) -> StylePictures:
    """One that draws nothing: its program fails, so styles are shown as text."""
    workspace = Workspace(folder)
    files = DraftFiles(workspace, drafts, job_repository, workspace.get_free_bytes)
    limits = ProcessLimits(max_seconds=9, stall_seconds=9, max_memory=1_000_000_000)
    return StylePictures(NoFiles(), VideoCli("local", limits, ("false",)), drafts, files)


class NoFiles:
    """Fetches nothing."""

    async def fetch(self, *_: object) -> None:
        """Refuse."""
        raise DownloadRejected(FailureCode.FILE_GONE)


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[BotChat]:
    """A bot with an empty database."""
    database = create_engine(StorageSettings(folder=tmp_path))
    await prepare_database(database)
    session, texts = RecordingSession(), Texts()
    bot = Bot("42:token", session=session, default=DefaultBotProperties(parse_mode="HTML"))
    users, drafts, job_repository = (
        UserRepository(database),
        DraftRepository(database, series_seconds=0),
        JobRepository(database),
    )
    cards, jobs_service = RecordedCards(drafts), RecordedJobs(job_repository)
    dispatcher = Dispatcher(
        storage=SqlStorage(database),
        events_isolation=SimpleEventIsolation(),
        admins=frozenset[int](),
        cards=cards,
        drafts=drafts,
        jobs=jobs_service,
        keyboards=Keyboards(texts),
        job_days=90,
        job_repository=job_repository,
        limits=TelegramLimits(),
        users=users,
        messenger=Messenger(bot, TelegramLimits()),
        refusals=RecentRefusals(),
        style_pictures=create_style_pictures(tmp_path, drafts, job_repository),
        texts=texts,
    )
    dispatcher.include_routers(*create_routers())
    yield BotChat(dispatcher, bot, session, users, drafts, job_repository, cards, jobs_service)
    await database.dispose()


# privacy


async def test_what_is_kept_is_said_with_the_days(talk: BotChat) -> None:
    await talk.sends("/privacy")
    assert "90 days" in talk.session.texts[0]
    assert "/forget" in talk.session.texts[0]


async def test_everything_of_a_user_is_deleted(talk: BotChat) -> None:
    """Rows of what was ordered, of what was not, and of what was chosen; others keep theirs."""
    done = await talk.done()
    ordered, draft = await talk.draft(), await talk.draft()
    await talk.drafts.mark_used(ordered)
    await talk.users.set_language(ANN, Language.RU)
    await talk.sends(VIDEO, user=BOB)
    await talk.sends("/forget")
    await talk.presses(ForgetUser(user=ANN).pack())
    assert await talk.job_repository.get(done.id) is None
    assert not await talk.drafts.list_of_user(ANN)
    assert await talk.drafts.get(draft.id) is None
    assert (await talk.users.get_preferences(ANN)).language is None
    assert await talk.drafts.list_unused(BOB)


async def test_nobody_deletes_what_is_anothers(talk: BotChat) -> None:
    """In a group, where all see the button."""
    draft = await talk.draft()
    await talk.presses(ForgetUser(user=ANN).pack(), user=BOB, group=True)
    assert talk.alert
    assert await talk.drafts.get(draft.id) is not None


# clips


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        (VIDEO, SourceKind.VIDEO),
        ({"video_note": CLIP | {"length": 9}}, SourceKind.NOTE),
        ({"animation": CLIP, **document("a.mp4", "video/mp4")}, SourceKind.ANIMATION),
        (document("a.bin", "video/x-matroska"), SourceKind.DOCUMENT),
        (document("../../A.MOV", "application/octet-stream"), SourceKind.DOCUMENT),
        (document(None, "video/mp4"), SourceKind.DOCUMENT),
        (document("a.gif", "image/gif"), SourceKind.DOCUMENT),
        (document("clip", "application/octet-stream"), SourceKind.DOCUMENT),
        (document("clip.mpeg4", None), SourceKind.DOCUMENT),
        (document("clip.dat", "text/plain"), SourceKind.DOCUMENT),
        (document("clip.wmv", "application/vnd.ms-asf"), SourceKind.DOCUMENT),
        (document("motion.jpg", "image/jpeg"), SourceKind.DOCUMENT),
        (document(None, None), SourceKind.DOCUMENT),
        (VIDEO | FORWARDED, SourceKind.VIDEO),
    ],
)
async def test_a_clip_in_any_form_becomes_a_draft(
    talk: BotChat, what: dict[str, Any], kind: SourceKind
) -> None:
    """Its card is requested, and a note is sent at once."""
    draft = await talk.draft(what)
    assert draft.clip
    assert draft.clip.kind is kind
    assert talk.session.texts == ["👀 Looking at your video…"]
    assert draft.note == len(talk.session.calls)
    reply = talk.session.get_calls(SendMessage)[0].reply_parameters
    assert reply
    assert reply.message_id == draft.message


@pytest.mark.parametrize(
    ("what", "found"),
    [
        (link("https://a.example/x.mp4"), "https://a.example/x.mp4"),
        (link("see HTTPS://a.example/x and http://b.example"), "HTTPS://a.example/x"),
        (
            link("😀 here", {"type": "text_link", "offset": 3, "length": 4, "url": "http://c.d/"}),
            "http://c.d/",
        ),
        (
            link("😀 http://c.d/é.", {"type": "url", "offset": 3, "length": 12}),
            "http://c.d/é",
        ),
    ],
)
async def test_the_first_link_of_a_text_is_a_clip(
    talk: BotChat, what: dict[str, Any], found: str
) -> None:
    """Whether it is marked, hidden behind words, or only there."""
    draft = await talk.draft(what)
    assert draft.clip == MediaSource(kind=SourceKind.LINK, link=found)
    assert talk.session.texts[0] == "👀 Fetching your video from the link…"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Моя речь.final.MOV", "Моя речь.final"),
        ("clip", "clip"),
        ('../../etc/a"b\r\nc:d.mp4', "etc a b c d"),
        ("x" * 300 + ".mp4", "x" * 60),
        ("???.mp4", ""),
        (None, ""),
    ],
)
async def test_the_name_of_a_file_is_kept_as_any_system_can_store_it(
    talk: BotChat, name: str | None, kept: str
) -> None:
    """For the files that are made of it."""
    draft = await talk.draft(document(name, "video/mp4"))
    assert draft.clip
    assert draft.clip.name == kept


@pytest.mark.parametrize(
    "text", ["ftp://a.b/c", "javascript:x", "example.org", "https://" + "a" * 3000]
)
async def test_other_links_are_words(talk: BotChat, text: str) -> None:
    """They are answered as such."""
    await talk.sends(text)
    assert not talk.cards.requested
    assert "Send me a video" in talk.session.texts[0]


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ({"video": CLIP | {"file_size": 20_000_001}}, "up to 20 MB"),
        ({"video_note": CLIP | {"length": 9, "duration": 601}}, "the limit is 10 minutes"),
        (document("a.mp4", "video/mp4", file_size=10**12), "too big"),
    ],
)
async def test_what_is_too_much_is_refused_at_once(
    talk: BotChat, what: dict[str, Any], text: str
) -> None:
    """From the message alone; nothing is downloaded or stored."""
    await talk.sends(what)
    assert text in talk.session.texts[0]
    assert not talk.cards.requested
    assert await talk.drafts.list_stale(time.time() + 1) == []


async def test_a_series_of_clips_is_refused_once_for_each_reason(talk: BotChat) -> None:
    """And once for each user."""
    large, long = {"video": CLIP | {"file_size": 10**9}}, {"video": CLIP | {"duration": 999}}
    for _ in range(6):
        await talk.sends(large)
    await talk.sends(long)
    await talk.sends(large, user=BOB)
    first, second, third = talk.session.texts
    assert "too big" in first
    assert "too long" in second
    assert "too big" in third


def test_a_clip_that_follows_a_refusal_later_is_answered() -> None:
    """It is an answer to what was said, and not a part of the series."""
    now = 0.0
    refusals = RecentRefusals(lambda: now)
    assert refusals.is_first(ANN, ANN, "too_big_file")
    now += SERIES_SECONDS
    assert not refusals.is_first(ANN, ANN, "too_big_file")
    now += SERIES_SECONDS + 0.1
    assert refusals.is_first(ANN, ANN, "too_big_file")


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (PHOTO, "Send me the video now"),
        ({"voice": CLIP}, "I need to see you"),
        ({"audio": CLIP}, "I need to see you"),
        (document("a.pdf", "application/pdf"), "I cannot use this"),
        (document("a.zip", "application/zip"), "I cannot use this"),
        (document("a.xlsx", "Application/vnd.ms-excel"), "I cannot use this"),
        ({"contact": {"phone_number": "1", "first_name": "A"}}, "I cannot use this"),
        ({"dice": {"emoji": "🎲", "value": 3}}, "I cannot use this"),
        ({"location": {"latitude": 1, "longitude": 2}}, "I cannot use this"),
        ({"text": "hello"}, "Send me a video"),
        ({"text": "/unknown"}, "I do not know this command"),
    ],
)
async def test_what_is_no_clip_is_told_so(talk: BotChat, what: dict[str, Any], text: str) -> None:
    """With what to send instead."""
    await talk.sends(what)
    assert len(talk.session.texts) == 1
    assert text in talk.session.texts[0]
    assert not talk.cards.requested


async def test_a_live_photo_is_its_video(talk: BotChat) -> None:
    """It comes with a still picture as well, which is not what is edited."""
    draft = await talk.draft({"live_photo": CLIP} | PHOTO)
    assert draft.clip
    assert (draft.clip.kind, draft.clip.file_id) == (SourceKind.VIDEO, CLIP["file_id"])
    assert not draft.backgrounds


async def test_a_video_with_a_command_in_its_caption_is_a_video(talk: BotChat) -> None:
    """It gets a card, not the help."""
    caption = {"caption": "/help@overlay_bot"}
    entity = {"type": "bot_command", "offset": 0, "length": 17}
    await talk.sends(VIDEO | caption | {"caption_entities": [entity]})
    assert len(talk.cards.requested) == 1
    assert len(talk.session.texts) == 1


@pytest.mark.parametrize("is_reply", [True, False])
async def test_make_works_in_a_group_that_hides_all_but_commands(
    talk: BotChat, *, is_reply: bool
) -> None:
    """As the caption of a video, and as a reply to one."""
    entity = {"type": "bot_command", "offset": 0, "length": 5}
    if is_reply:
        replied = {"message_id": 3, "date": WHEN, "chat": {"id": GROUP, "type": "supergroup"}}
        await talk.sends("/make", group=True, reply_to_message=replied | VIDEO)
    else:
        caption = {"caption": "/make", "caption_entities": [entity]}
        await talk.sends(VIDEO | caption, group=True)
    assert len(talk.cards.requested) == 1


@pytest.mark.parametrize("place", ["text", "caption", "edited text"])
async def test_a_link_is_found_wherever_it_stands(talk: BotChat, place: str) -> None:
    """Without a scheme as Telegram marks it, in a caption, and in a text that is corrected."""
    entity = {"type": "url", "offset": 4, "length": 15}
    if place == "caption":
        what = PHOTO | {"caption": "See example.org/a.mp4", "caption_entities": [entity]}
        await talk.sends(what)
    else:
        kind = "message" if place == "text" else "edited_message"
        await talk.sends({"text": "See example.org/a.m", "entities": [entity]}, kind=kind)
    draft = await talk.drafts.get(talk.cards.requested[-1])
    assert draft is not None
    assert draft.clip is not None
    assert draft.clip.link == "https://example.org/a.m"


async def test_the_second_of_two_links_is_answered(talk: BotChat) -> None:
    """The first one is the clip; a link that is marked and written out is one link."""
    await talk.sends("https://a.example/1.mp4 https://a.example/2.mp4")
    assert talk.session.texts[1].startswith("There are several links: I take the first.")
    entity = {"type": "url", "offset": 0, "length": 23}
    await talk.sends(link("https://a.example/1.mp4", entity))
    assert len(talk.session.texts) == 3


async def test_a_rich_message_is_answered(talk: BotChat) -> None:
    """As everything that is no video."""
    await talk.sends({"rich_message": {"blocks": []}})
    assert "Send me a video" in talk.session.texts[0]


async def test_what_telegram_says_itself_is_not_answered(talk: BotChat) -> None:
    """Service messages, and edits of old messages."""
    await talk.sends({"delete_chat_photo": True})
    await talk.sends({"group_chat_created": True})
    await talk.sends(VIDEO, kind="edited_message", edit_date=WHEN)
    await talk.sends("hello", kind="edited_message", edit_date=WHEN)
    channel = {"id": -1005, "type": "channel", "title": "C"}
    await talk.update(channel_post={"message_id": 1, "date": WHEN, "chat": channel} | VIDEO)
    assert not talk.session.calls
    assert not talk.cards.requested


async def test_a_clip_that_comes_again_is_known(talk: BotChat) -> None:
    """Telegram delivers twice now and then; one card, one answer."""
    number = await talk.sends(VIDEO)
    await asyncio.gather(*(talk.sends(VIDEO | {"message_id": number}) for _ in range(5)))
    assert len(talk.cards.requested) == len(talk.session.texts) == 1


async def test_a_card_that_is_faster_than_our_words_leaves_none(talk: BotChat) -> None:
    """The note is deleted, since nothing else deletes it."""
    noted = talk.drafts.set_note

    async def noted_after_the_card(draft_id: str, note: int) -> bool:
        await talk.drafts.set_card(draft_id, 99)
        return await noted(draft_id, note)

    talk.drafts.set_note = noted_after_the_card  # type: ignore[method-assign]
    await talk.sends(VIDEO)
    assert type(talk.session.calls[-1]).__name__ == "DeleteMessage"


async def test_a_user_waits_for_a_limited_number_of_cards(talk: BotChat) -> None:
    """Further clips are refused until one is drawn; those of others are not."""
    for _ in range(MAX_WAITING_CARDS):
        await talk.draft()
    await talk.sends(VIDEO)
    assert len(talk.cards.requested) == MAX_WAITING_CARDS
    assert "not looked at all" in talk.session.texts[-1]
    await talk.sends(VIDEO, user=BOB)
    await talk.drafts.set_card(talk.cards.requested[0], 5)
    await talk.sends(VIDEO)
    assert len(talk.cards.requested) == MAX_WAITING_CARDS + 2


async def test_a_clip_in_a_topic_stays_there(talk: BotChat) -> None:
    """And so does the note about it."""
    draft = await talk.draft(VIDEO | {"message_thread_id": 3, "is_topic_message": True})
    assert draft.topic == 3
    assert talk.session.get_calls(SendMessage)[0].message_thread_id == 3


async def test_direct_messages_of_a_channel_stay_in_their_topic(talk: BotChat) -> None:
    """Each user has one there."""
    topic = {"topic_id": 1 << 40, "user": {"id": ANN, "is_bot": False, "first_name": "A"}}
    draft = await talk.draft(VIDEO | {"direct_messages_topic": topic})
    assert draft.direct_topic == 1 << 40
    assert talk.session.get_calls(SendMessage)[0].direct_messages_topic_id == 1 << 40


# albums


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
async def test_an_album_is_a_clip_and_its_backgrounds(
    talk: BotChat, order: tuple[int, ...]
) -> None:
    """Whatever comes first; one card, behind the clip the first of the others."""
    parts = [VIDEO, PHOTO, document("b.png", "image/png")]
    for number in order:
        await talk.sends(parts[number], media_group_id="album")
    (made,) = talk.cards.requested
    draft = await talk.drafts.get(made)
    assert draft
    assert draft.clip
    assert draft.clip.file_id == "clip"
    assert {source.file_id for source in draft.backgrounds} == {"large", "file"}
    assert draft.look.backdrop.source == draft.backgrounds[0]
    assert talk.cards.redrawn == [made, made]
    assert len(talk.session.texts) == 1


async def test_one_press_orders_all_clips_of_an_album(talk: BotChat) -> None:
    """In their order and one style, over its picture, each as a reply to its own message."""
    film = {"video": CLIP | {"file_id": "film"}}
    sent = [await talk.sends(part, media_group_id="album") for part in (film, PHOTO, VIDEO)]
    (made,) = talk.cards.requested
    draft = await talk.drafts.get(made)
    assert draft
    await talk.drafts.set_appearance(made, draft.look.model_copy(update={"centre": (0.2, 0.4)}))
    await talk.presses(MakeResult(draft=made).pack())
    first, second = await talk.jobs()
    assert (first.order.clip.file_id, second.order.clip.file_id) == ("film", "clip")
    assert (first.reply_to, second.reply_to) == (sent[0], sent[2])
    assert first.order.look.centre == (0.2, 0.4)
    assert first.order.look.forget_face() == second.order.look
    assert first.order.look.backdrop.source == PICTURE
    assert (first.series, first.number, second.number) == (second.series, 1, 2)


async def test_clips_of_an_album_can_have_cards_of_their_own(talk: BotChat) -> None:
    """By a button; more than the user may have are not begun."""
    for _ in range(3):
        await talk.sends(VIDEO, media_group_id="album")
    (made,) = talk.cards.requested
    await talk.presses(SeparateClips(draft=made).pack())
    assert len(talk.cards.requested) == 3
    assert talk.cards.redrawn[-1] == made
    for number in range(MAX_WAITING_CARDS - 4):
        await talk.sends(VIDEO, media_group_id=str(number))
    for _ in range(3):
        await talk.sends(VIDEO, media_group_id="another")
    await talk.presses(SeparateClips(draft=talk.cards.requested[-1]).pack())
    assert talk.alert.startswith("I have not looked at all the videos")
    assert len(talk.cards.requested) == MAX_WAITING_CARDS


# groups


def mention(text: str) -> dict[str, Any]:
    """A caption that mentions a user."""
    entity = {"type": "mention", "offset": 0, "length": len(text)}
    return {"caption": text, "caption_entities": [entity]}


ANSWER = {"message_id": 3, "date": WHEN, "chat": {"id": GROUP, "type": "supergroup"}, "text": "x"}


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({}, False),
        (mention("@Overlay_Bot"), True),
        (mention("@another_bot"), False),
        ({"caption": "@overlay_bot"}, False),
        ({"reply_to_message": ANSWER | {"from": ME.model_dump(include={"id"})}}, True),
        ({"reply_to_message": ANSWER | {"from": {"id": BOB}}}, False),
        (mention("@overlay_bot") | {"sender_chat": {"id": GROUP, "type": "supergroup"}}, False),
    ],
)
async def test_in_a_group_a_clip_is_ours_if_it_says_so(
    talk: BotChat,
    more: dict[str, Any],
    taken: bool,  # noqa: FBT001 - a case of the table
) -> None:
    """By a mention, or as an answer to us; all else is a talk among others."""
    if who := more.get("reply_to_message"):
        who["from"] = {"is_bot": who["from"]["id"] == ME.id, "first_name": "X"} | who["from"]
    await talk.sends(VIDEO, group=True, **more)
    assert bool(talk.cards.requested) is taken
    assert bool(talk.session.texts) is taken


async def test_a_talk_among_others_is_not_ours(talk: BotChat) -> None:
    """Words, pictures and other bots' commands are left alone."""
    for what in ("hello", "https://a.example/x.mp4", "/start@another_bot", PHOTO, {"voice": CLIP}):
        await talk.sends(what, group=True)
    assert not talk.session.calls


async def test_an_album_in_a_group_is_mentioned_once(talk: BotChat) -> None:
    """Only its first part has a caption."""
    await talk.sends(VIDEO, group=True, media_group_id="album", **mention("@overlay_bot"))
    await talk.sends(PHOTO, group=True, media_group_id="album")
    draft = await talk.drafts.get(talk.cards.requested[0])
    assert draft
    assert draft.backgrounds == (PICTURE,)


async def test_a_background_in_a_group_answers_the_question(talk: BotChat) -> None:
    """Otherwise Telegram may not show it to us; Bob's pictures do not count."""
    draft = await talk.draft(VIDEO, group=True, **mention("@overlay_bot"))
    await talk.presses(SendBackground(draft=draft.id).pack(), group=True)
    assert "Reply to this message" in talk.session.texts[-1]
    await talk.sends(PHOTO, BOB, group=True)
    await talk.sends("hello", group=True)
    assert talk.cards.redrawn == []
    assert len(talk.session.texts) == 2
    await talk.sends(PHOTO, group=True)
    assert talk.cards.redrawn == [draft.id]


# the card


async def test_a_press_changes_the_look_and_the_card(talk: BotChat) -> None:
    """It is remembered for the next clip, too."""
    draft = await talk.draft()
    await talk.presses(ChooseShape(draft=draft.id, shape=Shape.RECT).pack())
    assert talk.cards.redrawn == [draft.id]
    assert talk.answers == [""]
    assert (await talk.draft()).look == Appearance(shape=Shape.RECT)
    assert await talk.jobs() == []


async def test_what_is_chosen_already_is_not_drawn_again(talk: BotChat) -> None:
    """The press is answered, that is all."""
    draft = await talk.draft()
    await talk.presses(ChooseColour(draft=draft.id, colour=PaletteColour.NAVY).pack())
    assert talk.cards.redrawn == []
    assert talk.answers == [""]
    assert talk.session.get_calls(EditMessageReplyMarkup) == []


async def test_pages_open_and_close(talk: BotChat) -> None:
    """Without a new picture."""
    draft = await talk.draft()
    for page in (CardPage.BACKGROUND, CardPage.RING, CardPage.FIRST):
        await talk.presses(ShowCardPage(draft=draft.id, page=page).pack())
    shown = talk.session.get_calls(EditMessageReplyMarkup)
    keyboards = Keyboards(Texts())
    pages = (CardPage.BACKGROUND, CardPage.RING, CardPage.FIRST)
    assert [call.reply_markup for call in shown] == [
        keyboards.create_card(replace(draft, page=page)) for page in pages
    ]
    assert talk.cards.redrawn == []


async def test_make_it_makes_one_job(talk: BotChat) -> None:
    """With the look of the card, as an answer to the clip; the card loses its buttons."""
    draft = await talk.draft()
    await talk.presses(ChooseShape(draft=draft.id, shape=Shape.NONE).pack())
    for _ in range(3):
        await talk.presses(MakeResult(draft=draft.id).pack())
    (job,) = await talk.jobs()
    assert job.order == JobRequest(clip=draft.clip, look=Appearance(shape=Shape.NONE))  # type: ignore[arg-type]
    assert (job.user, job.chat, job.reply_to) == (ANN, ANN, draft.message)
    assert job.origin == f"draft:{draft.id}"
    assert talk.session.get_calls(EditMessageReplyMarkup)[-1].reply_markup is None
    assert talk.answers[1:] == ["👍 On it!", "Already on it!", "Already on it!"]


async def test_a_double_tap_makes_one_job(talk: BotChat) -> None:
    """Both at the same time."""
    draft = await talk.draft()
    await asyncio.gather(*(talk.presses(MakeResult(draft=draft.id).pack()) for _ in range(5)))
    assert len(await talk.jobs()) == 1


async def test_who_died_between_can_press_again(talk: BotChat) -> None:
    """The job was accepted, the card was not marked: still one job, and a card that is over."""
    draft = await talk.draft()
    assert draft.clip
    request = JobRequest(clip=draft.clip, look=draft.look)
    order = JobOrder(request, Destination(ANN, reply_to=draft.message), f"draft:{draft.id}")
    await talk.jobs_service.accept([order], Requester(ANN, Language.EN))
    await talk.presses(MakeResult(draft=draft.id).pack())
    assert len(await talk.jobs()) == 1
    assert talk.answers == ["👍 On it!"]


async def test_the_fifth_is_told_to_wait(talk: BotChat) -> None:
    """Its card stays, to be pressed later."""
    drafts = [await talk.draft() for _ in range(5)]
    for draft in drafts:
        await talk.presses(MakeResult(draft=draft.id).pack())
    assert len(await talk.jobs()) == 4
    assert "Press again when one is ready" in talk.alert
    job, *_ = await talk.jobs()
    await talk.job_repository.finish(job.id, JobState.DONE)
    await talk.presses(MakeResult(draft=drafts[4].id).pack())
    assert len(await talk.jobs()) == 4


async def test_a_full_house_is_told_of(talk: BotChat) -> None:
    """In a window, and nothing is lost."""
    talk.jobs_service.waiting = 0
    draft = await talk.draft()
    await talk.presses(MakeResult(draft=draft.id).pack())
    assert "Too many people" in talk.alert
    talk.jobs_service.waiting = 500
    await talk.presses(MakeResult(draft=draft.id).pack())
    assert len(await talk.jobs()) == 1


async def test_a_full_disk_is_not_called_a_full_queue(talk: BotChat) -> None:
    """The user reads the text for a full disk."""
    talk.jobs_service.is_disk_full = True
    draft = await talk.draft()
    await talk.presses(MakeResult(draft=draft.id).pack())
    assert talk.alert == Texts().describe_failure(Language.EN, "no_disk", {})


@pytest.mark.parametrize(
    "button",
    [
        lambda it: ChooseShape(draft=it, shape=Shape.RECT),
        lambda it: ShowCardPage(draft=it, page=CardPage.RING),
        lambda it: SendBackground(draft=it),
        lambda it: KeepBackground(draft=it),
        lambda it: MakeResult(draft=it),
    ],
)
async def test_buttons_of_a_card_obey_its_owner_while_it_lasts(talk: BotChat, button: Any) -> None:
    """Other users get an explanation, as do late presses; nothing changes."""
    draft = await talk.draft()
    before = len(talk.session.calls)
    await talk.presses(button(draft.id).pack(), BOB)
    assert "belongs to somebody else" in talk.alert
    await talk.presses(button("no-such-draft").pack())
    assert "too old" in talk.alert
    await talk.drafts.mark_used(draft)
    await talk.presses(button(draft.id).pack())
    assert "Already on it" in talk.alert
    assert len(talk.session.calls) == before + 3
    after = await talk.drafts.get(draft.id)
    assert after
    assert after.look == draft.look
    assert await talk.jobs() == []
    assert talk.cards.redrawn == []


@pytest.mark.parametrize(
    "data", ["", "x", "shape", "shape:a:b", "make:" + "я" * 29, ":" * 64, "adm:up", "\0" * 64]
)
async def test_junk_is_answered_and_does_nothing(talk: BotChat, data: str) -> None:
    """However it was forged."""
    await talk.presses(data)
    assert len(talk.session.calls) == 1
    assert talk.alert


async def test_a_press_on_a_message_that_is_gone_is_heard(talk: BotChat) -> None:
    """Telegram sends only the id of the message then; the job is accepted nevertheless."""
    draft = await talk.draft()
    person = {"id": ANN, "is_bot": False, "first_name": "A"}
    query = {
        "id": "1",
        "chat_instance": "1",
        "from": person,
        "data": MakeResult(draft=draft.id).pack(),
    }
    await talk.update(callback_query=query)
    assert len(await talk.jobs()) == 1


# a background of one's own


async def test_a_background_that_was_asked_for_is_taken(talk: BotChat) -> None:
    """The next picture; the one after it replaces it."""
    draft = await talk.draft()
    await talk.presses(SendBackground(draft=draft.id).pack())
    assert "Send me a picture" in talk.session.texts[-1]
    await talk.sends(PHOTO)
    now = await talk.drafts.get(draft.id)
    assert now
    assert now.look.backdrop == BackgroundChoice(kind="file", source=PICTURE)
    assert talk.cards.redrawn == [draft.id]
    assert "Got it" in talk.session.texts[-1]
    await talk.sends({"photo": [PHOTO["photo"][1] | {"file_id": "other"}]})
    now = await talk.drafts.get(draft.id)
    assert now
    assert now.look.backdrop.source == PICTURE.model_copy(update={"file_id": "other"})


async def test_a_picture_before_the_clip_is_its_background(talk: BotChat) -> None:
    """Of that clip alone."""
    await talk.sends(PHOTO)
    assert "ten minutes" in talk.session.texts[-1]
    draft = await talk.draft()
    assert draft.look.backdrop == BackgroundChoice(kind="file", source=PICTURE)
    assert (await talk.draft()).backgrounds == ()


async def test_a_picture_of_long_ago_is_forgotten(
    talk: BotChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ten minutes a clip comes without it, and a picture starts anew."""
    await talk.sends(PHOTO)
    monkeypatch.setattr("bot.handlers.media.KEPT_SECONDS", 0.0)
    assert (await talk.draft()).backgrounds == ()
    await talk.sends(PHOTO)
    assert "ten minutes" in talk.session.texts[-1]
    assert talk.cards.redrawn == []


async def test_a_picture_after_the_clip_is_its_background(talk: BotChat) -> None:
    """Even before the card has come; another user's picture is not."""
    draft = await talk.draft()
    await talk.sends(PHOTO, BOB)
    assert talk.cards.redrawn == []
    await talk.sends(PHOTO)
    assert talk.cards.redrawn == [draft.id]
    assert "Got it" in talk.session.texts[-1]


@pytest.mark.parametrize("what", [PHOTO, VIDEO, {"text": "https://a.example/beach.mp4"}])
async def test_a_reply_to_the_card_is_its_background(talk: BotChat, what: dict[str, Any]) -> None:
    """Of the older of two cards as well: a picture, a video or a link."""
    first, _ = await talk.draft(), await talk.draft()
    await talk.drafts.set_card(first.id, 500)
    card = {"message_id": 500, "date": WHEN, "chat": {"id": ANN, "type": "private"}}
    await talk.sends(what, reply_to_message=card)
    assert talk.cards.redrawn == [first.id]
    now = await talk.drafts.get(first.id)
    assert now
    assert now.look.backdrop.source


async def test_a_reply_to_a_card_that_is_ordered_is_a_clip(talk: BotChat) -> None:
    """There is nothing left to change on it."""
    first = await talk.draft()
    await talk.drafts.set_card(first.id, 500)
    await talk.drafts.mark_used(first)
    card = {"message_id": 500, "date": WHEN, "chat": {"id": ANN, "type": "private"}}
    again = await talk.draft(VIDEO, reply_to_message=card)
    assert again.id != first.id


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        (VIDEO, SourceKind.VIDEO),
        (link("https://a.b/c.jpg"), SourceKind.LINK),
        (document("a.PNG", None), SourceKind.DOCUMENT),
    ],
)
async def test_a_video_or_a_link_can_be_the_background(
    talk: BotChat, what: dict[str, Any], kind: SourceKind
) -> None:
    """When it was asked for; it is no new clip."""
    draft = await talk.draft()
    await talk.presses(SendBackground(draft=draft.id).pack())
    await talk.sends(what)
    now = await talk.drafts.get(draft.id)
    assert now
    assert now.backgrounds[0].kind is kind
    assert len(talk.cards.requested) == 1


async def test_all_pictures_of_an_album_are_backgrounds_then(talk: BotChat) -> None:
    """And their arrival is confirmed once."""
    draft = await talk.draft()
    await talk.presses(SendBackground(draft=draft.id).pack())
    for _ in range(3):
        await talk.sends(PHOTO, media_group_id="album")
    now = await talk.drafts.get(draft.id)
    assert now
    assert len(now.backgrounds) == 3
    assert sum("Got it" in text for text in talk.session.texts) == 1
    assert len(talk.cards.requested) == 1


async def test_what_cannot_be_a_background_is_told_so(talk: BotChat) -> None:
    """And the question stays: too big, no picture, words."""
    draft = await talk.draft()
    await talk.presses(SendBackground(draft=draft.id).pack())
    await talk.sends({"photo": [PHOTO["photo"][1] | {"file_size": 30_000_000}]})
    assert "too big" in talk.session.texts[-1]
    for what in ("blue", {"voice": CLIP}, document("a.pdf", "application/pdf")):
        await talk.sends(what)
        assert "cannot be a background" in talk.session.texts[-1]
    await talk.sends(PHOTO)
    assert "Got it" in talk.session.texts[-1]


@pytest.mark.parametrize("way", ["button", "/cancel", "/start", "make"])
async def test_there_is_a_way_out_of_the_question(talk: BotChat, way: str) -> None:
    """After it a video is a clip again."""
    draft = await talk.draft()
    await talk.presses(SendBackground(draft=draft.id).pack())
    if way == "button":
        await talk.presses(KeepBackground(draft=draft.id).pack())
        assert "stays as it is" in talk.session.get_calls(EditMessageText)[-1].text
    elif way == "make":
        await talk.presses(MakeResult(draft=draft.id).pack())
    else:
        await talk.sends(way)
    await talk.sends(VIDEO)
    assert len(talk.cards.requested) == 2


async def test_a_question_about_a_card_that_is_no_more_is_forgotten(talk: BotChat) -> None:
    """A video that comes then is a clip, and words are words."""
    for what in (VIDEO, "hello"):
        draft = await talk.draft()
        await talk.presses(SendBackground(draft=draft.id).pack())
        await talk.drafts.delete(draft.id)
        made = len(talk.cards.requested)
        await talk.sends(what)
        assert len(talk.cards.requested) == made + (what is VIDEO)
    assert "Send me a video" in talk.session.texts[-1]


async def test_commands_are_heard_while_we_wait(talk: BotChat) -> None:
    """A question is no trap."""
    draft = await talk.draft()
    await talk.presses(SendBackground(draft=draft.id).pack())
    for command, text in (("/help", "How it works"), ("/stats", "for the admins")):
        await talk.sends(command)
        assert text in talk.session.texts[-1]


async def test_a_link_for_the_background_is_not_remembered(talk: BotChat) -> None:
    """It may be dead when the next clip comes; a file of Telegram's is not."""
    draft = await talk.draft()
    await talk.presses(SendBackground(draft=draft.id).pack())
    await talk.sends(link("https://a.b/c.jpg"))
    await talk.presses(MakeResult(draft=draft.id).pack())
    assert (await talk.users.get_preferences(ANN)).appearance.backdrop == BackgroundChoice()
    draft = await talk.draft()
    await talk.presses(SendBackground(draft=draft.id).pack())
    await talk.sends(PHOTO)
    await talk.presses(ChooseFile(draft=draft.id, number=0).pack())
    await talk.presses(MakeResult(draft=draft.id).pack())
    assert (await talk.users.get_preferences(ANN)).appearance.backdrop.source == PICTURE


# results


@pytest.mark.parametrize(
    ("button", "changed"),
    [
        (lambda it: ChangeFormat(job=it, to=OutputFormat.WEBM), {"form": OutputFormat.WEBM}),
        (lambda it: ChangeShape(job=it, shape=Shape.NONE), {"look": Appearance(shape=Shape.NONE)}),
        (
            lambda it: ChangeCorner(job=it, corner=Anchor.TOP_LEFT),
            {"look": Appearance(corner=Anchor.TOP_LEFT)},
        ),
    ],
)
async def test_another_of_the_same_is_one_press(
    talk: BotChat, button: Any, changed: dict[str, Any]
) -> None:
    """With the mattes that are there; pressed again while it is made, it is made once."""
    job = await talk.done()
    for _ in range(3):
        await talk.presses(button(job.id).pack())
    (other,) = await talk.jobs()
    assert other.order == job.order.model_copy(update={"mattes": job.id} | changed)
    assert (other.reply_to, other.chat) == (job.reply_to, job.chat)
    assert talk.answers == ["👍 On it!", "Already on it!", "Already on it!"]
    await talk.job_repository.finish(other.id, JobState.DONE)
    await talk.presses(button(job.id).pack())
    assert len(await talk.jobs()) == 1


@pytest.mark.parametrize(
    ("form", "seconds", "excerpt", "said"),
    [
        (OutputFormat.NOTE, 61, WHOLE_CLIP, "the first minute"),
        (OutputFormat.NOTE, 60, WHOLE_CLIP, "👍 On it!"),
        (OutputFormat.NOTE, 90, Excerpt(start=30), "👍 On it!"),
        (OutputFormat.NOTE, 90, Excerpt(end=61), "the first minute"),
        (OutputFormat.NOTE, None, WHOLE_CLIP, "👍 On it!"),
        (OutputFormat.STICKER, 12, WHOLE_CLIP, "the first 3 seconds"),
        (OutputFormat.ANIMATION, 90, WHOLE_CLIP, "👍 On it!"),
    ],
)
async def test_what_is_cut_short_is_said(
    talk: BotChat, form: OutputFormat, seconds: float | None, excerpt: Excerpt, said: str
) -> None:
    """A round note of a longer clip is offered, and shows its first minute."""
    clip = MediaSource(kind=SourceKind.VIDEO, file_id="clip", seconds=seconds)
    job = await talk.done(clip=clip, excerpt=excerpt)
    await talk.presses(ChangeFormat(job=job.id, to=form).pack())
    (answer,) = talk.answers
    assert answer.endswith((said, f"{said}."))
    (other,) = await talk.jobs()
    assert (other.order.form, other.order.excerpt) == (form, excerpt)


async def test_a_result_is_changed_on_a_card_of_its_own(talk: BotChat) -> None:
    """With all that it was made with; its mattes are used again, unless the engine changes."""
    look = Appearance(shape=Shape.RECT, backdrop=BackgroundChoice(kind="file", source=PICTURE))
    job = await talk.done(look=look, excerpt=Excerpt(start=1), form=OutputFormat.NOTE)
    await talk.presses(ReopenCard(job=job.id).pack())
    draft = await talk.drafts.get(talk.cards.requested[-1])
    assert draft
    assert (draft.clip, draft.look, draft.excerpt) == (job.order.clip, look, Excerpt(start=1))
    assert (draft.form, draft.mattes, draft.backgrounds) == (OutputFormat.NOTE, job.id, (PICTURE,))
    assert draft.destination == job.destination
    await talk.presses(ChooseShape(draft=draft.id, shape=Shape.NONE).pack())
    await talk.presses(MakeResult(draft=draft.id).pack())
    (other,) = await talk.jobs()
    changed = look.model_copy(update={"shape": Shape.NONE})
    assert other.order == job.order.model_copy(update={"look": changed, "mattes": job.id})


async def test_the_mattes_of_another_engine_are_not_used(talk: BotChat) -> None:
    job = await talk.done()
    await talk.presses(ReopenCard(job=job.id).pack())
    draft_id = talk.cards.requested[-1]
    await talk.presses(ChooseEngine(draft=draft_id, engine="auto").pack())
    draft = await talk.drafts.get(draft_id)
    assert draft
    assert draft.mattes == job.id
    await talk.presses(ChooseEngine(draft=draft_id, engine="mediapipe").pack())
    await talk.presses(MakeResult(draft=draft_id).pack())
    (other,) = await talk.jobs()
    assert other.order.mattes is None


async def test_a_double_tap_opens_one_card(talk: BotChat) -> None:
    """A later press opens another one."""
    job = await talk.done()
    for _ in range(3):
        await talk.presses(ReopenCard(job=job.id).pack())
    (draft_id,) = talk.cards.requested
    await talk.drafts.set_card(draft_id, 900)
    await talk.presses(ReopenCard(job=job.id).pack())
    assert len(talk.cards.requested) == 2


async def test_a_result_whose_link_was_erased_cannot_be_changed(talk: BotChat) -> None:
    job = await talk.done(clip=MediaSource(kind=SourceKind.LINK))
    await talk.presses(ReopenCard(job=job.id).pack())
    assert "too old" in talk.alert
    assert talk.cards.requested == []


# two times


async def carded(talk: BotChat, seconds: float | None = 60, card: int = 900, **more: Any) -> Draft:
    """A draft of a clip of a minute that has its card."""
    draft = await talk.draft({"video": CLIP | {"duration": seconds, "file_size": 1}}, **more)
    await talk.drafts.set_card(draft.id, card)
    return draft


async def excerpt_of(talk: BotChat, draft: Draft) -> Excerpt:
    """The part that is used now."""
    now = await talk.drafts.get(draft.id)
    assert now
    return now.excerpt


@pytest.mark.parametrize(
    ("text", "excerpt", "part"),
    [
        ("0:05–0:42", Excerpt(start=5, end=42), "0:05–0:42"),
        ("5-42", Excerpt(start=5, end=42), "0:05–0:42"),
        (" 0:05 0:42 ", Excerpt(start=5, end=42), "0:05–0:42"),
        ("0:05.5 — 0:42,25", Excerpt(start=5.5, end=42.25), "0:05.5–0:42.2"),
        ("0:05…0:42", Excerpt(start=5, end=42), "0:05–0:42"),
        ("0:05–", Excerpt(start=5), "0:05–1:00"),
        ("-42", Excerpt(end=42), "0:00–0:42"),
        ("5-99", Excerpt(start=5), "0:05–1:00"),
        ("0-1:00", WHOLE_CLIP, "The whole video"),
    ],
)
async def test_two_times_trim_the_clip(
    talk: BotChat, text: str, excerpt: Excerpt, part: str
) -> None:
    """However they are written; the card is drawn anew, and the job takes that part."""
    draft = await carded(talk)
    await talk.sends(text)
    assert await excerpt_of(talk, draft) == excerpt
    assert talk.cards.redrawn == [draft.id]
    assert talk.session.texts[-1].startswith(f"✂️ {part}:")
    await talk.presses(MakeResult(draft=draft.id).pack())
    (job,) = await talk.jobs()
    assert job.order.excerpt == excerpt


@pytest.mark.parametrize("text", ["42-5", "5-5", "60-61", "0:75–2:00", "1:2:3:4-5", "99999-"])
async def test_times_that_leave_nothing_are_explained(talk: BotChat, text: str) -> None:
    """With the length of the clip; the card stays as it is."""
    draft = await carded(talk)
    await talk.sends(text)
    assert await excerpt_of(talk, draft) == WHOLE_CLIP
    assert talk.cards.redrawn == []
    said = talk.session.texts[-1]
    assert "0:05–0:42" in said or "Send me a video" in said


async def test_times_are_for_the_card_that_they_reply_to(talk: BotChat) -> None:
    """Or for the last one; and for none of another user."""
    chat = {"id": ANN, "type": "private"}
    card = {"message_id": 900, "date": WHEN, "chat": chat, "from": ME.model_dump()}
    first, last = await carded(talk, card=900), await carded(talk, card=901)
    await talk.sends("5-42", reply_to_message=card)
    await talk.sends("6-41")
    await talk.sends("7-40", BOB)
    assert await excerpt_of(talk, first) == Excerpt(start=5, end=42)
    assert await excerpt_of(talk, last) == Excerpt(start=6, end=41)
    assert "Send me a video" in talk.session.texts[-1]


async def test_the_times_that_were_asked_for_are_for_that_card(talk: BotChat) -> None:
    """What is no time is explained, until there are times or /cancel."""
    first, last = await carded(talk, card=900), await carded(talk, card=901)
    await talk.presses(AskTimes(draft=first.id).pack())
    assert "0:05–0:42" in talk.session.texts[-1]
    await talk.sends("from the beginning")
    assert "I need two times" in talk.session.texts[-1]
    await talk.sends("5-42")
    await talk.sends("hello")
    assert "Send me a video" in talk.session.texts[-1]
    await talk.presses(AskTimes(draft=first.id).pack())
    await talk.sends("/cancel")
    await talk.sends("6-41")
    assert await excerpt_of(talk, first) == Excerpt(start=5, end=42)
    assert await excerpt_of(talk, last) == Excerpt(start=6, end=41)


# colours


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#1d3557", "#1d3557"),
        ("1D3557", "#1d3557"),
        ("#abc", "#aabbcc"),
        ("teal", "#008080"),
        ("Light Blue", "#add8e6"),
        ("Бирюзовый", "#40e0d0"),
        ("чёрный", "#000000"),
        ("тёмно-синий", "#000080"),
    ],
)
@pytest.mark.parametrize("part", ["background", "ring"])
async def test_any_colour_by_its_name_or_code(
    talk: BotChat, text: str, colour: str, part: Literal["background", "ring"]
) -> None:
    """Of the part that was asked about; it is remembered, and the question is over."""
    draft = await carded(talk)
    await talk.presses(AskColour(draft=draft.id, part=part).pack())
    assert "#1d3557" in talk.session.texts[-1]
    await talk.sends(text)
    assert colour in talk.session.texts[-1]
    assert talk.cards.redrawn == [draft.id]
    now = await talk.drafts.get(draft.id)
    assert now
    style = now.look.to_style()
    found = now.look.backdrop.colour if part == "background" else style.ring_colour
    assert (found, bool(style.ring)) == (colour, part == "ring")
    assert (await talk.draft()).look == now.look
    await talk.sends(text)
    assert "Send me a video" in talk.session.texts[-1]


async def test_what_is_no_colour_is_explained(talk: BotChat) -> None:
    """As often as it takes; a ring keeps its place when its colour is chosen from the buttons."""
    draft = await carded(talk)
    await talk.presses(AskColour(draft=draft.id, part="ring").pack())
    for text in ("bluish", "#12", "123", "rgb(1,2,3)"):
        await talk.sends(text)
        assert "I do not know this colour" in talk.session.texts[-1]
    assert talk.cards.redrawn == []
    await talk.sends("teal")
    await talk.presses(ChooseRing(draft=draft.id, ring=RingStyle.GOLD).pack())
    now = await talk.drafts.get(draft.id)
    assert now
    assert now.look == Appearance(ring=RingStyle.GOLD)


async def test_a_colour_for_a_card_that_is_ordered_is_a_text_like_any_other(talk: BotChat) -> None:
    """The question is closed."""
    draft = await carded(talk)
    await talk.presses(AskColour(draft=draft.id, part="ring").pack())
    await talk.drafts.mark_used(draft)
    await talk.sends("teal")
    assert "Send me a video" in talk.session.texts[-1]
    assert talk.cards.redrawn == []


async def test_buttons_trim_the_clip_and_stay_on_their_page(talk: BotChat) -> None:
    """The next clip is not trimmed."""
    draft = await carded(talk)
    await talk.presses(ShowCardPage(draft=draft.id, page=CardPage.TRIM).pack())
    await talk.presses(TrimClip(draft=draft.id, edge="start", by=10).pack())
    await talk.presses(TrimClip(draft=draft.id, edge="end", by=-1).pack())
    assert await excerpt_of(talk, draft) == Excerpt(start=10, end=59)
    assert talk.cards.redrawn == [draft.id] * 2
    shown = talk.session.get_calls(EditMessageReplyMarkup)[-1].reply_markup
    assert isinstance(shown, InlineKeyboardMarkup)
    labels = [button.text for row in shown.inline_keyboard for button in row]
    assert {"⏮ 0:10", "⏭ 0:59"} <= set(labels)
    assert (await talk.draft()).excerpt == WHOLE_CLIP


async def test_the_mark_moves_at_once_and_the_page_stays(talk: BotChat) -> None:
    """Before the picture is drawn."""
    draft = await talk.draft()
    await talk.presses(ShowCardPage(draft=draft.id, page=CardPage.RING).pack())
    await talk.presses(ChooseRing(draft=draft.id, ring=RingStyle.GOLD).pack())
    now = await talk.drafts.get(draft.id)
    assert now
    assert (now.page, now.look.ring) == (CardPage.RING, RingStyle.GOLD)
    shown = talk.session.get_calls(EditMessageReplyMarkup)[-1].reply_markup
    assert shown == Keyboards(Texts()).create_card(now)


async def test_a_press_that_is_delivered_again_asks_nothing_new(talk: BotChat) -> None:
    """Even when its job is over."""
    job = await talk.done()
    for _ in range(2):
        await talk.presses(ChangeFormat(job=job.id, to=OutputFormat.GIF).pack(), query_id="one")
        for other in await talk.jobs():
            await talk.job_repository.finish(other.id, JobState.DONE)
    assert await talk.jobs() == []


@pytest.mark.parametrize(
    "button",
    [
        lambda it: ChangeFormat(job=it, to=OutputFormat.STICKER),
        lambda it: ChangeShape(job=it, shape=Shape.NONE),
        lambda it: ChangeCorner(job=it, corner=Anchor.TOP_LEFT),
        lambda it: ShowResultPage(job=it, page=ResultPage.SHAPE),
        lambda it: ReopenCard(job=it),
    ],
)
async def test_buttons_of_a_result_obey_its_owner(talk: BotChat, button: Any) -> None:
    """No other user, and not for a job that is not done or does not exist."""
    job = await talk.done()
    await talk.presses(button(job.id).pack(), BOB)
    assert "belongs to somebody else" in talk.alert
    await talk.presses(button("no-such-job").pack())
    assert "too old" in talk.alert
    await talk.job_repository.finish(job.id, JobState.FAILED)
    await talk.presses(button(job.id).pack())
    assert "too old" in talk.alert
    assert await talk.jobs() == []
    assert len(talk.session.calls) == 3


async def test_a_result_can_be_pressed_before_its_job_is_cleared_up(talk: BotChat) -> None:
    """It is there, so its buttons are; whatever became of us in between."""
    job = await ordered(talk)
    await talk.presses(ChangeFormat(job=job.id, to=OutputFormat.GIF).pack())
    assert "too old" in talk.alert
    await talk.job_repository.mark_delivered(job.id, 99, "file")
    await talk.presses(ChangeFormat(job=job.id, to=OutputFormat.GIF).pack())
    assert [other.order.form for other in await talk.jobs()] == [
        OutputFormat.VIDEO,
        OutputFormat.GIF,
    ]


async def test_shapes_and_corners_are_a_press_away(talk: BotChat) -> None:
    """On pages of the result's buttons."""
    job = await talk.done()
    await talk.presses(ShowResultPage(job=job.id, page=ResultPage.CORNER).pack())
    shown = talk.session.get_calls(EditMessageReplyMarkup)[-1].reply_markup
    assert shown == Keyboards(Texts()).create_result(job, ResultPage.CORNER)


# saved styles


async def test_a_style_with_another_engine_does_not_use_the_mattes(talk: BotChat) -> None:
    style = SavedStyle(id="s", name="s", look=Appearance(engine="mediapipe"))
    same = style.model_copy(update={"id": "t", "name": "t", "look": Appearance(shape=Shape.RECT)})
    await talk.users.change_styles(ANN, lambda styles: styles.save(style).save(same))
    job = await talk.done()
    await talk.presses(ReopenCard(job=job.id).pack())
    draft_id = talk.cards.requested[-1]
    for chosen, mattes in (("t", job.id), ("s", None)):
        await talk.presses(ChooseStyle(draft=draft_id, style=chosen).pack())
        draft = await talk.drafts.get(draft_id)
        assert draft
        assert draft.mattes == mattes
    assert draft.look == style.look
    assert (await talk.users.get_preferences(ANN)).appearance == style.look


async def test_a_style_has_no_link_as_its_background(talk: BotChat) -> None:
    """It may be dead when the style is used."""
    draft = await talk.draft()
    await talk.presses(SendBackground(draft=draft.id).pack())
    await talk.sends(link("https://a.b/c.jpg"))
    await talk.presses(SaveStyle(draft=draft.id).pack())
    await talk.sends("Lessons")
    (style,) = (await talk.users.get_styles(ANN)).saved
    assert (style.name, style.look.backdrop) == ("Lessons", BackgroundChoice())


async def test_the_look_of_anothers_card_is_not_saved(talk: BotChat) -> None:
    """Nor that of a card that is no more."""
    draft = await talk.draft()
    await talk.presses(SaveStyle(draft=draft.id).pack(), BOB)
    assert "somebody else" in talk.alert
    await talk.presses(SaveStyle(draft="gone").pack(), BOB)
    assert talk.alert
    await talk.sends("Hers", BOB)
    assert not (await talk.users.get_styles(BOB)).saved


async def test_a_name_is_asked_for_once_and_can_be_refused(talk: BotChat) -> None:
    """A text after */cancel*, or after the name, is one like any other."""
    await talk.presses(SaveStyle().pack())
    await talk.sends("/cancel")
    await talk.sends("Lessons")
    assert not (await talk.users.get_styles(ANN)).saved
    await talk.presses(SaveStyle().pack())
    await talk.sends("Lessons")
    await talk.sends("More")
    assert [style.name for style in (await talk.users.get_styles(ANN)).saved] == ["Lessons"]


async def test_the_engine_stays_with_the_look_of_a_link(talk: BotChat) -> None:
    """And no style is the default any more."""
    style = SavedStyle(id="s", name="s", look=Appearance(engine="mediapipe"))
    await talk.users.change_styles(ANN, lambda styles: styles.save(style).set_default("s"))
    code = format_style_code(Appearance(shape=Shape.RECT))
    await talk.presses(UseStyle(code=code).pack())
    expected = Appearance(shape=Shape.RECT, engine="mediapipe")
    assert (await talk.users.get_preferences(ANN)).appearance == expected


# cancelling


async def ordered(talk: BotChat) -> Job:
    """A job of Ann's that waits."""
    await talk.presses(MakeResult(draft=(await talk.draft()).id).pack())
    return (await talk.jobs())[-1]


async def test_cancel_obeys_the_owner(talk: BotChat) -> None:
    """And no other user; a job that is over stays over."""
    job = await ordered(talk)
    await talk.presses(CancelJob(job=job.id).pack(), BOB)
    assert "belongs to somebody else" in talk.alert
    await talk.presses(CancelJob(job="no-such-job").pack())
    assert "too old" in talk.alert
    assert not (await talk.jobs())[0].cancelled
    await talk.presses(CancelJob(job=job.id).pack())
    assert talk.answers[-1] == "Stopping…"
    assert (await talk.jobs())[0].cancelled
    await talk.job_repository.finish(job.id, JobState.CANCELLED)
    await talk.presses(CancelJob(job=job.id).pack())
    assert talk.answers[-1] == "It is over already."


async def test_the_command_cancels_all_of_hers(talk: BotChat) -> None:
    """And none of Bob's."""
    await talk.sends("/cancel")
    assert "not making anything" in talk.session.texts[-1]
    await ordered(talk)
    await ordered(talk)
    await talk.sends("/cancel", BOB)
    assert "not making anything" in talk.session.texts[-1]
    await talk.sends("/cancel")
    assert talk.session.texts[-1] == "Stopping your 2 videos…"
    assert all(job.cancelled for job in await talk.jobs())


# who we are


async def test_help_tells_the_limits(talk: BotChat) -> None:
    """Of this bot."""
    await talk.sends("/help")
    assert "up to 20 MB" in talk.session.texts[0]
    assert "10 minutes" in talk.session.texts[0]


async def test_the_language_is_that_of_telegram_until_another_is_chosen(talk: BotChat) -> None:
    """In messages, in answers to buttons, and on the card."""
    await talk.sends("/start", language="ru-RU")
    assert talk.session.texts[-1].startswith("<b>Привет")
    await talk.sends("/language", language="ru")
    asked = talk.session.get_calls(SendMessage)[-1].reply_markup
    assert asked == Keyboards(Texts()).create_languages()
    await talk.presses(ChooseLanguage(language=Language.EN).pack(), language="ru")
    assert "I speak English" in talk.session.get_calls(EditMessageText)[-1].text
    await talk.sends("/start", language="ru")
    assert talk.session.texts[-1].startswith("<b>Hi")
    assert (await talk.draft(language="ru")).language is Language.EN
    await talk.presses("junk", BOB, language="ru")
    assert "устарела" in talk.alert


@pytest.mark.parametrize("language", ["uk", "be", "kk-KZ"])
async def test_whose_language_is_doubtful_is_asked_once(talk: BotChat, language: str) -> None:
    """In both languages, after the answer; the detected one is used until then."""
    await talk.sends(VIDEO, language=language)
    first, asked = talk.session.texts
    assert first.startswith("👀 Смотрю")
    assert asked.split("\n") == [Texts()(one, "language-ask") for one in Language]
    await talk.sends("/privacy", language=language)
    assert len(talk.session.texts) == 3
    assert (await talk.users.get_preferences(ANN)).language is Language.RU


@pytest.mark.parametrize("language", ["ru", "en", "uz", "de", ""])
async def test_others_are_not_asked_for_their_language(talk: BotChat, language: str) -> None:
    """Nor anybody in a group, nor who asks for it."""
    await talk.sends("/privacy", language=language)
    await talk.sends("/privacy@overlay_bot", language="uk", group=True, user=BOB)
    await talk.sends("/language", language="uk", user=3)
    assert len(talk.session.texts) == 3


async def test_the_style_is_shown_and_forgotten(talk: BotChat) -> None:
    """Each user has an appearance of their own."""
    await talk.users.set_appearance(ANN, Appearance(shape=Shape.RECT))
    await talk.sends("/style")
    assert "<b>Rectangle</b>, bottom right" in talk.session.texts[-1]
    await talk.presses(ResetAppearance().pack(), BOB)
    assert (await talk.users.get_preferences(ANN)).appearance == Appearance(shape=Shape.RECT)
    await talk.presses(ResetAppearance().pack())
    assert (await talk.users.get_preferences(ANN)).appearance == Appearance()
    assert "usual look" in talk.session.get_calls(EditMessageText)[-1].text


async def test_the_menu_is_in_both_languages(talk: BotChat) -> None:
    """Without what is for admins."""
    await set_commands(talk.bot, Texts())
    english, russian = talk.session.get_calls(SetMyCommands)
    names = [command.command for command in english.commands]
    assert names == ["start", "help", "style", "cancel", "language", "privacy"]
    assert russian.language_code == "ru"
    assert russian.commands[0].description == "Что я умею"


async def test_admins_see_their_commands_first(talk: BotChat) -> None:
    """In their private chats, in both languages."""
    await set_commands(talk.bot, Texts(), [ANN])
    calls = talk.session.get_calls(SetMyCommands)
    for_admin = [call for call in calls if call.scope == BotCommandScopeChat(chat_id=ANN)]
    assert [call.language_code for call in for_admin] == [None, "ru"]
    assert for_admin[0].commands[0].command == "queue"
    assert {command.command for command in for_admin[0].commands} == {
        *MENU_COMMANDS,
        *ADMIN_COMMANDS,
    }


async def test_somebody_who_blocked_us_breaks_nothing(talk: BotChat) -> None:
    """Whatever the user had sent or pressed."""
    draft = await talk.draft()
    talk.session.gone.add(ANN)
    await talk.sends("/start")
    await talk.sends(VIDEO)
    await talk.presses(SendBackground(draft=draft.id).pack())
    await talk.presses(MakeResult(draft=draft.id).pack())
    assert len(await talk.jobs()) == 1


async def test_nothing_is_fetched_and_no_child_is_started_here(talk: BotChat) -> None:
    """All that handlers ask of Telegram are words and buttons."""
    draft = await talk.draft()
    await talk.presses(SendBackground(draft=draft.id).pack())
    await talk.sends(PHOTO)
    await talk.presses(MakeResult(draft=draft.id).pack())
    assert {type(call).__name__ for call in talk.session.calls} <= {
        "SendMessage",
        "EditMessageText",
        "EditMessageReplyMarkup",
        "AnswerCallbackQuery",
    }
