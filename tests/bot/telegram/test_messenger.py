"""How messages are sent and edited, and what Telegram's answers mean."""

import time
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from PIL import Image

from bot.domain.job_request import Appearance, Destination, JobRequest, MediaSource, SourceKind
from bot.domain.outcomes import (
    ChatGone,
    Delivered,
    FailureCode,
    MessageEdited,
    MessageMissing,
    MessageUnchanged,
    Rejected,
    ResultRendered,
    RetryLater,
)
from bot.telegram.limits import MB, TelegramLimits
from bot.telegram.messenger import Messenger
from bot.telegram.uploads import ResultStills, estimate_upload_seconds
from tests.bot.support.scripted_telegram import (
    CHAT,
    Answer,
    ScriptedServer,
    answer_with,
    connect_bot,
    delay,
    drop_after_reading,
    get_session,
    message,
    refuse_for,
    refuse_with,
    run_scripted_server,
    status,
)
from tests.support.make_clips import drawn, make_clip
from video_editing.contract.formats import OutputFormat

MADE = ResultRendered(width=1280, height=720, seconds=12.4, renderer="local")


def draw_jpeg(side: int) -> bytes:
    """A square picture."""
    content = BytesIO()
    Image.new("RGB", (side, side)).save(content, "JPEG")
    return content.getvalue()


def make_film() -> bytes:
    """A square video without sound."""
    with TemporaryDirectory() as folder:
        return make_clip(Path(folder) / "r.mp4", drawn(2, (64, 64)), rate=4).read_bytes()


BYTES, THUMBNAIL, CARD = make_film(), draw_jpeg(320), draw_jpeg(640)
GROUP, SUPERGROUP = -5, -1005
KEYBOARD = InlineKeyboardMarkup(
    inline_keyboard=[[InlineKeyboardButton(text="Round note", callback_data="form:x:note")]]
)


@dataclass(frozen=True)
class Job:
    """As much of one as its delivery needs."""

    order: JobRequest
    destination: Destination = field(
        default_factory=partial(Destination, CHAT, topic=3, reply_to=11)
    )


@dataclass
class MessengerCase:
    """A messenger, and the moves of groups that it reported."""

    messenger: Messenger
    folder: Path
    moves: list[tuple[int, int]] = field(default_factory=list)

    async def deliver(
        self, form: OutputFormat = OutputFormat.VIDEO, chat: int = CHAT, name: str = ""
    ) -> object:
        """Send a result of that form."""
        file, thumbnail = self.folder / f"r{form.suffix}", self.folder / "thumb.jpg"
        file.write_bytes(BYTES)
        thumbnail.write_bytes(THUMBNAIL)
        cover = self.folder / "large.jpg"
        cover.write_bytes(CARD)
        clip = MediaSource(kind=SourceKind.VIDEO, file_id="x", name=name)
        destination = Destination(chat, topic=3, reply_to=11)
        job = Job(JobRequest(clip=clip, look=Appearance(), form=form), destination)
        stills = ResultStills(thumbnail, cover)
        return await self.messenger.send_result(job, MADE, KEYBOARD, file=file, stills=stills)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with run_scripted_server() as server:
        yield server


@pytest.fixture
async def bot(server: ScriptedServer) -> AsyncIterator[Bot]:
    async with connect_bot(server.url) as bot:
        yield bot


@pytest.fixture
def case(bot: Bot, tmp_path: Path) -> MessengerCase:
    moves: list[tuple[int, int]] = []

    async def move(old: int, new: int) -> None:
        moves.append((old, new))

    return MessengerCase(Messenger(bot, TelegramLimits(upload_bytes=1 * MB), move), tmp_path, moves)


def media_message(kind: str) -> Answer:
    """A message with a file of that kind."""
    shape = {"file_id": f"its-{kind}", "file_unique_id": "u", "width": 1, "height": 1}
    shape |= {"duration": 1, "length": 1, "type": "regular", "is_animated": False, "is_video": True}
    return answer_with(message(**{kind: shape}))


async def test_a_video_is_sent_with_all_that_a_player_needs(
    case: MessengerCase, server: ScriptedServer
) -> None:
    server.answer("sendVideo", media_message("video"))
    assert await case.deliver() == Delivered(message=12, file_id="its-video")
    fields = server.last_fields
    assert fields.pop("reply_markup").startswith('{"inline_keyboard"')
    reply = fields.pop("reply_parameters")
    assert '"message_id": 11' in reply
    assert '"allow_sending_without_reply": true' in reply
    files = {
        fields.pop(fields.pop(key).removeprefix("attach://"))
        for key in ("video", "thumbnail", "cover")
    }
    assert files == {
        ("result.mp4", BYTES),
        ("thumbnail.jpg", THUMBNAIL),
        ("cover.jpg", CARD),
    }
    assert fields == {
        "chat_id": "7",
        "message_thread_id": "3",
        "width": "1280",
        "height": "720",
        "duration": "12",
        "supports_streaming": "true",
        "parse_mode": "HTML",
    }


@pytest.mark.parametrize(
    ("form", "method", "kind", "name"),
    [
        (OutputFormat.VIDEO, "sendVideo", "video", "result.mp4"),
        (OutputFormat.NOTE, "sendVideoNote", "video_note", "result.mp4"),
        (OutputFormat.ANIMATION, "sendAnimation", "animation", "result.mp4"),
        (OutputFormat.GIF, "sendDocument", "document", "result.gif"),
        (OutputFormat.WEBM, "sendDocument", "document", "overlay.webm"),
        (OutputFormat.MOV, "sendDocument", "document", "overlay.mov"),
        (OutputFormat.STICKER, "sendSticker", "sticker", "overlay.webm"),
    ],
)
async def test_every_form_is_sent_as_what_it_is(
    case: MessengerCase,
    server: ScriptedServer,
    form: OutputFormat,
    method: str,
    kind: str,
    name: str,
) -> None:
    server.answer(method, media_message(kind))
    assert await case.deliver(form) == Delivered(message=12, file_id=f"its-{kind}")
    assert (name, BYTES) in server.last_fields.values()
    assert len(server.calls) == 1


@pytest.mark.parametrize("form", [OutputFormat.GIF, OutputFormat.WEBM, OutputFormat.MOV])
async def test_a_file_has_the_name_of_its_clip(
    case: MessengerCase, server: ScriptedServer, form: OutputFormat
) -> None:
    """As a document that Telegram does not convert."""
    server.answer("sendDocument", media_message("document"))
    await case.deliver(form, name="Моя речь 1")
    assert (f"Моя речь 1{form.suffix}", BYTES) in server.last_fields.values()
    assert server.last_fields["disable_content_type_detection"] == "true"


async def test_a_note_is_round_wherever_it_is_seen(
    case: MessengerCase, server: ScriptedServer
) -> None:
    server.answer("sendVideoNote", media_message("video_note"))
    await case.deliver(OutputFormat.NOTE)
    assert server.last_fields["length"] == "640"


@pytest.mark.parametrize(
    ("form", "method", "why"),
    [
        (OutputFormat.STICKER, "sendSticker", "Bad Request: wrong file type"),
        (OutputFormat.NOTE, "sendVideoNote", "Bad Request: VOICE_MESSAGES_FORBIDDEN"),
        (OutputFormat.VIDEO, "sendVideo", "Bad Request: IMAGE_PROCESS_FAILED"),
    ],
)
async def test_what_is_not_taken_as_such_is_taken_as_a_file(
    case: MessengerCase, server: ScriptedServer, form: OutputFormat, method: str, why: str
) -> None:
    server.answer(method, refuse_with(400, why))
    server.answer("sendDocument", media_message("document"))
    assert await case.deliver(form) == Delivered(message=12, file_id="its-document")
    assert [call.method for call in server.calls] == [method, "sendDocument"]


@pytest.mark.parametrize("can_edit", [True, False])
async def test_a_sticker_that_became_a_file_gets_a_name(
    case: MessengerCase, server: ScriptedServer, *, can_edit: bool
) -> None:
    """In the message that is there; where that fails, the file stays as it is."""
    server.answer("sendSticker", media_message("document"))
    if not can_edit:
        server.answer("editMessageMedia", refuse_with(400, "Bad Request: message can't be edited"))
    delivered = await case.deliver(OutputFormat.STICKER)
    assert delivered == Delivered(message=12, file_id="its-document")
    assert [call.method for call in server.calls] == ["sendSticker", "editMessageMedia"]
    assert ("overlay.webm", BYTES) in server.last_fields.values()
    assert "reply_markup" in server.last_fields


async def test_a_result_over_the_limit_is_refused_unsent(
    bot: Bot, server: ScriptedServer, tmp_path: Path
) -> None:
    refused = await MessengerCase(
        Messenger(bot, TelegramLimits(upload_bytes=10)), tmp_path
    ).deliver()
    assert isinstance(refused, Rejected)
    assert refused.fault == FailureCode.RESULT_TOO_BIG
    assert server.calls == []


@pytest.mark.parametrize(
    "answer",
    [refuse_with(413, "Request Entity Too Large"), status(413)],
    ids=["telegram", "between"],
)
async def test_a_result_that_telegram_finds_too_big_is_refused(
    case: MessengerCase, server: ScriptedServer, answer: Answer
) -> None:
    server.answer("sendVideo", answer)
    details = {"size": 0.1, "limit": 1}
    assert await case.deliver() == Rejected(fault=FailureCode.RESULT_TOO_BIG, details=details)
    assert len(server.calls) == 1


async def test_a_result_that_is_not_there_is_no_fault_of_telegrams(case: MessengerCase) -> None:
    job = Job(JobRequest(clip=MediaSource(kind=SourceKind.VIDEO, file_id="x"), look=Appearance()))
    with pytest.raises(FileNotFoundError):
        await case.messenger.send_result(job, MADE, file=case.folder / "lost.mp4")


async def test_a_missing_thumbnail_stops_nothing(
    case: MessengerCase, server: ScriptedServer
) -> None:
    server.answer("sendVideo", media_message("video"))
    file = case.folder / "r.mp4"
    file.write_bytes(BYTES)
    job = Job(JobRequest(clip=MediaSource(kind=SourceKind.VIDEO, file_id="x"), look=Appearance()))
    stills = ResultStills(case.folder / "lost.jpg", case.folder / "lost.jpg")
    assert isinstance(
        await case.messenger.send_result(job, MADE, file=file, stills=stills), Delivered
    )
    assert not {"thumbnail", "cover"} & server.last_fields.keys()


async def test_a_result_is_never_held_in_memory(
    bot: Bot, server: ScriptedServer, tmp_path: Path
) -> None:
    file = tmp_path / "r.mp4"
    with file.open("wb") as large:
        large.truncate(40 * MB)
    server.answer("sendVideo", media_message("video"))
    server.is_blind = True
    job = Job(JobRequest(clip=MediaSource(kind=SourceKind.VIDEO, file_id="x"), look=Appearance()))
    tracemalloc.start()
    assert isinstance(
        await Messenger(bot, TelegramLimits()).send_result(job, MADE, file=file), Delivered
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MB


def test_a_large_upload_has_more_time() -> None:
    assert estimate_upload_seconds(50 * MB) == 310
    assert estimate_upload_seconds(0) == 60


@pytest.mark.parametrize(
    "answer",
    [
        refuse_with(403, "Forbidden: bot was blocked by the user"),
        refuse_with(403, "Forbidden: user is deactivated"),
        refuse_with(403, "Forbidden: bot was kicked from the supergroup chat"),
        refuse_with(400, "Bad Request: chat not found"),
        refuse_with(400, "Bad Request: PEER_ID_INVALID"),
        refuse_with(400, "Bad Request: not enough rights to send text messages to the chat"),
    ],
)
async def test_a_chat_may_be_gone(
    case: MessengerCase, server: ScriptedServer, answer: Answer
) -> None:
    for method in ("sendVideo", "sendMessage", "editMessageText"):
        server.answer(method, answer)
    assert await case.deliver() == ChatGone()
    assert await case.messenger.send_text(Destination(CHAT), "hello") == ChatGone()
    assert await case.messenger.edit_text(CHAT, 1, "hello") == ChatGone()
    assert len(server.calls) == 3


async def test_a_long_wait_is_told(case: MessengerCase, server: ScriptedServer) -> None:
    server.answer("sendVideo", refuse_for(3600))
    later = await case.deliver()
    assert isinstance(later, RetryLater)
    assert later.seconds == 3600


@pytest.mark.parametrize(
    "answer",
    [status(502), drop_after_reading, refuse_with(401, "Unauthorized")],
    ids=["502", "drop", "401"],
)
async def test_a_telegram_that_is_away_is_asked_later(
    case: MessengerCase, server: ScriptedServer, answer: Answer
) -> None:
    server.answer("sendVideo", answer)
    assert isinstance(await case.deliver(), RetryLater)


async def test_nobody_there_means_later(tmp_path: Path) -> None:
    async with connect_bot("http://127.0.0.1:1") as bot:
        assert isinstance(
            await MessengerCase(Messenger(bot, TelegramLimits()), tmp_path).deliver(), RetryLater
        )


async def test_a_result_whose_answer_is_lost_comes_twice_at_most(
    case: MessengerCase, bot: Bot, server: ScriptedServer
) -> None:
    server.answer("sendVideo", drop_after_reading, media_message("video"))
    assert isinstance(await case.deliver(), Delivered)
    assert len(server.calls) == 2
    assert get_session(bot).retry_middleware.uncertain_repeats == 1


async def test_a_group_that_moved_is_followed_and_told(
    case: MessengerCase, server: ScriptedServer
) -> None:
    why = "Bad Request: group chat was upgraded to a supergroup chat"
    server.answer(
        "sendVideo", refuse_with(400, why, migrate_to_chat_id=SUPERGROUP), media_message("video")
    )
    assert isinstance(await case.deliver(chat=GROUP), Delivered)
    assert [call.fields["chat_id"] for call in server.calls] == [str(GROUP), str(SUPERGROUP)]
    assert case.moves == [(GROUP, SUPERGROUP)]


async def test_a_group_that_moved_pays_one_failing_call(
    case: MessengerCase, server: ScriptedServer
) -> None:
    """All later messages go to its new id at once, and answer nothing: ids are of the old group."""
    why = "Bad Request: group chat was upgraded to a supergroup chat"
    server.answer(
        "sendMessage", refuse_with(400, why, migrate_to_chat_id=SUPERGROUP), answer_with(message())
    )
    for _ in range(3):
        await case.messenger.send_text(Destination(GROUP, reply_to=11), "hello")
    new = str(SUPERGROUP)
    assert [call.fields["chat_id"] for call in server.calls] == [str(GROUP), new, new, new]
    assert all("reply_parameters" not in call.fields for call in server.calls[1:])
    assert case.moves == [(GROUP, SUPERGROUP)]


async def test_a_message_in_a_group_that_moved_is_missing(
    case: MessengerCase, server: ScriptedServer
) -> None:
    """Its id names another message in the new group, which must not be edited."""
    why = "Bad Request: group chat was upgraded to a supergroup chat"
    server.answer("editMessageText", refuse_with(400, why, migrate_to_chat_id=SUPERGROUP))
    assert await case.messenger.edit_text(GROUP, 5, "50 %") == MessageMissing()
    assert await case.messenger.edit_text(GROUP, 5, "60 %") == MessageMissing()
    assert await case.messenger.delete_message(GROUP, 5) == MessageMissing()
    assert [call.fields["chat_id"] for call in server.calls] == [str(GROUP)]


async def test_a_move_that_cannot_be_stored_stops_no_message(
    bot: Bot, server: ScriptedServer
) -> None:
    async def fail(_old: int, _new: int) -> None:
        raise OSError("the database is away")

    why = "Bad Request: group chat was upgraded to a supergroup chat"
    server.answer(
        "sendMessage", refuse_with(400, why, migrate_to_chat_id=SUPERGROUP), answer_with(message())
    )
    messenger = Messenger(bot, TelegramLimits(), fail)
    assert await messenger.send_text(Destination(GROUP), "hello") == 12


async def test_a_topic_that_was_closed_does_not_keep_the_result(
    case: MessengerCase, server: ScriptedServer
) -> None:
    server.answer(
        "sendVideo",
        refuse_with(400, "Bad Request: message thread not found"),
        media_message("video"),
    )
    assert isinstance(await case.deliver(), Delivered)
    assert ["message_thread_id" in call.fields for call in server.calls] == [True, False]


@pytest.mark.parametrize("reason", ["message to be replied not found", "REPLY_MESSAGE_ID_INVALID"])
async def test_a_message_that_is_replied_to_may_be_gone(
    case: MessengerCase, server: ScriptedServer, reason: str
) -> None:
    """Deleted or in another topic: the result comes without the reply, in the topic."""
    server.answer("sendVideo", refuse_with(400, f"Bad Request: {reason}"), media_message("video"))
    assert isinstance(await case.deliver(), Delivered)
    assert ["reply_parameters" in call.fields for call in server.calls] == [True, False]
    assert all("message_thread_id" in call.fields for call in server.calls)


async def test_a_chat_without_videos_gets_a_file(
    case: MessengerCase, server: ScriptedServer
) -> None:
    forbidden = refuse_with(400, "Bad Request: not enough rights to send videos to the chat")
    server.answer("sendVideo", forbidden)
    server.answer("sendDocument", media_message("document"))
    assert await case.deliver() == Delivered(message=12, file_id="its-document")


async def test_a_chat_without_files_is_told(case: MessengerCase, server: ScriptedServer) -> None:
    """The job ends with a sentence in the chat, which may still get texts."""
    for kind in ("Video", "Document"):
        reason = f"not enough rights to send {kind.lower()}s to the chat"
        server.answer(f"send{kind}", refuse_with(400, f"Bad Request: {reason}"))
    assert await case.deliver() == Rejected(fault=FailureCode.NO_RIGHTS)


async def test_a_card_may_be_forbidden(case: MessengerCase, server: ScriptedServer) -> None:
    server.answer("sendPhoto", refuse_with(400, "Bad Request: CHAT_SEND_PHOTOS_FORBIDDEN"))
    card = case.folder / "card.jpg"
    card.write_bytes(CARD)
    sent = await case.messenger.send_photo(Destination(CHAT), card, "card")
    assert sent == Rejected(fault=FailureCode.NO_RIGHTS)


@pytest.mark.parametrize(
    "video",
    [
        {"file_id": "its-video"},
        {"file_id": "its-video", "width": "wide", "height": None, "duration": {"of": 1}},
        {"file_id": "its-video", "cover": [{"to": "come"}], "thumbnail": 5},
    ],
)
async def test_what_telegram_accepted_is_never_sent_again(
    case: MessengerCase, server: ScriptedServer, video: dict[str, Any]
) -> None:
    """Fields of another form, or none, are no failure: the ids say all that is needed."""
    answer = message(video=video, forward_origin={"type": "to come"}, date="now", chat={"id": CHAT})
    server.answer("sendVideo", answer_with(answer))
    assert await case.deliver() == Delivered(message=12, file_id="its-video")
    assert len(server.of("sendVideo")) == 1


async def test_a_text_is_html_and_tells_its_id(case: MessengerCase, server: ScriptedServer) -> None:
    sent = await case.messenger.send_text(
        Destination(CHAT, topic=3, reply_to=11), "<b>hello</b>", keyboard=KEYBOARD
    )
    assert sent == 12
    fields = server.last_fields
    assert (fields["text"], fields["parse_mode"]) == ("<b>hello</b>", "HTML")
    assert (fields["message_thread_id"], "reply_parameters" in fields) == ("3", True)


async def test_a_text_that_is_wrong_in_itself_is_a_bug(
    case: MessengerCase, server: ScriptedServer
) -> None:
    server.answer("sendMessage", refuse_with(400, "Bad Request: can't parse entities: <b"))
    with pytest.raises(TelegramBadRequest):
        await case.messenger.send_text(Destination(CHAT), "<b")


async def test_a_card_is_a_photo_with_buttons(case: MessengerCase, server: ScriptedServer) -> None:
    photo = case.folder / "card.jpg"
    photo.write_bytes(CARD)
    assert (
        await case.messenger.send_photo(Destination(CHAT), photo, "as you like", keyboard=KEYBOARD)
        == 12
    )
    assert ("card.jpg", CARD) in server.last_fields.values()
    assert server.last_fields["caption"] == "as you like"


async def test_a_card_is_drawn_anew_in_its_place(
    case: MessengerCase, server: ScriptedServer
) -> None:
    photo = case.folder / "card.jpg"
    photo.write_bytes(CARD)
    server.answer("editMessageMedia", answer_with(message()))
    assert (
        await case.messenger.edit_photo(CHAT, 5, photo, "so", keyboard=KEYBOARD) == MessageEdited()
    )
    assert ("card.jpg", CARD) in server.last_fields.values()
    assert '"caption": "so"' in server.last_fields["media"]
    assert '"parse_mode": "HTML"' in server.last_fields["media"]
    assert server.last_fields["message_id"] == "5"


@pytest.mark.parametrize(
    ("why", "answer"),
    [
        (
            "message is not modified: specified new message content and reply markup are the same",
            MessageUnchanged(),
        ),
        ("message to edit not found", MessageMissing()),
        ("message can't be edited", MessageMissing()),
        ("MESSAGE_ID_INVALID", MessageMissing()),
    ],
)
async def test_an_edit_may_change_nothing(
    case: MessengerCase, server: ScriptedServer, why: str, answer: object
) -> None:
    for method in ("editMessageText", "editMessageReplyMarkup"):
        server.answer(method, refuse_with(400, f"Bad Request: {why}"))
    assert await case.messenger.edit_text(CHAT, 5, "50 %") == answer
    assert await case.messenger.edit_keyboard(CHAT, 5) == answer


async def test_an_edit_that_is_done_says_so(case: MessengerCase) -> None:
    assert await case.messenger.edit_text(CHAT, 5, "50 %") == MessageEdited()


@pytest.mark.parametrize("answer", [status(502), refuse_for(1)], ids=["502", "busy"])
async def test_progress_is_neither_repeated_nor_waited_for(
    case: MessengerCase, server: ScriptedServer, answer: Answer
) -> None:
    server.answer("editMessageText", answer)
    before = time.monotonic()
    assert isinstance(await case.messenger.edit_text(CHAT, 5, "50 %", is_retried=False), RetryLater)
    assert len(server.calls) == 1
    assert time.monotonic() - before < 0.5


async def test_what_is_to_be_deleted_may_be_gone_already(
    case: MessengerCase, server: ScriptedServer
) -> None:
    why = "Bad Request: message to delete not found"
    server.answer("deleteMessage", answer_with(result=True), refuse_with(400, why))
    assert await case.messenger.delete_message(CHAT, 5) == MessageEdited()
    assert await case.messenger.delete_message(CHAT, 5) == MessageMissing()


async def test_a_button_that_waited_too_long_is_no_matter(
    case: MessengerCase, server: ScriptedServer
) -> None:
    why = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    server.answer("answerCallbackQuery", refuse_with(400, why))
    await case.messenger.answer_callback("99", "done")
    assert server.last_fields == {"callback_query_id": "99", "text": "done"}


async def test_showing_that_something_is_done_may_fail(
    case: MessengerCase, server: ScriptedServer
) -> None:
    server.answer("sendChatAction", delay(0.01, status(502)))
    await case.messenger.send_action(Destination(CHAT), "upload_video")
    assert len(server.calls) == 1
