"""The Telegram of the tests behaves as the real one does, as far as a bot can tell."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import (
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    Update,
)
from aiohttp import ClientSession, web
from PIL import Image

from bot.telegram.assets import SAMPLE_CLIP, WELCOME
from tests.bot.support.fake_telegram import TOKEN, Call, Rates, Telegram, User
from tests.bot.support.fake_telegram.media_limits import find_wrong_uploads

PICTURE = b"\xff\xd8 a picture"


def connected(telegram: Telegram, token: str = TOKEN) -> Bot:
    return Bot(token, AiohttpSession(api=TelegramAPIServer.from_base(telegram.url)))


@pytest.fixture(autouse=True)
def any_call_is_allowed(telegram: Telegram) -> Iterator[None]:
    """Some calls here are wrong on purpose."""
    yield
    telegram.validator.violations.clear()


@pytest.fixture
async def client(telegram: Telegram) -> AsyncIterator[Bot]:
    """A bot's end of the line."""
    bot = connected(telegram)
    yield bot
    await (await bot.session.create_session()).close()  # without the pause that TLS needs


@pytest.fixture
def ann(telegram: Telegram) -> User:
    """A user."""
    return telegram.user(7, "ru")


def keyboard(data: str = "x", text: str = "Press") -> InlineKeyboardMarkup:
    button = InlineKeyboardButton(text=text, callback_data=data)
    return InlineKeyboardMarkup(inline_keyboard=[[button]])


def file(content: bytes = PICTURE, name: str = "a.jpg") -> BufferedInputFile:
    return BufferedInputFile(content, name)


async def test_an_update_comes_again_until_it_is_confirmed(client: Bot, ann: User) -> None:
    """A higher offset confirms it, and nothing else does."""
    await ann.sends_text("/start")
    await ann.sends_text("again")
    first, second = await client.get_updates(timeout=0)
    assert await client.get_updates(timeout=0) == [first, second]
    assert await client.get_updates(timeout=0, offset=first.update_id + 1) == [second]
    assert await client.get_updates(timeout=0) == [second]
    assert first.message.from_user.language_code == "ru"
    assert first.message.entities[0].type == "bot_command"


async def test_who_polls_waits_for_news(client: Bot, ann: User) -> None:
    """A long poll ends as soon as something comes."""
    polling = asyncio.create_task(client.get_updates(timeout=5))
    await asyncio.sleep(0.1)
    await ann.sends_text("here")
    began = time.monotonic()
    assert len(await polling) == 1
    assert time.monotonic() - began < 0.5


async def test_of_two_pollers_the_first_is_sent_away(client: Bot, telegram: Telegram) -> None:
    """The second one receives a conflict."""
    async with connected(telegram) as other:
        polling = asyncio.create_task(client.get_updates(timeout=5))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(other.get_updates(timeout=1))
        with pytest.raises(TelegramConflictError):
            await polling
        assert await second == []


async def test_a_webhook_is_posted_to_until_it_takes_the_update(
    client: Bot, telegram: Telegram, ann: User
) -> None:
    """With the secret, in order, again after a failure; and polling is refused meanwhile."""
    came = []

    async def take(request: web.Request) -> web.Response:
        secret = request.headers.get("X-Telegram-Bot-Api-Secret-Token")
        came.append((secret, (await request.json())["update_id"]))
        return web.Response(status=500 if len(came) == 1 else 200)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    telegram.updates.proxies["bot.example"] = f"http://127.0.0.1:{runner.addresses[0][1]}"
    with pytest.raises(TelegramBadRequest, match="HTTPS"):
        await client.set_webhook("http://bot.example/hook")
    await client.set_webhook("https://bot.example/hook", secret_token="s")  # noqa: S106
    await ann.sends_text("one")
    await ann.sends_text("two")
    await telegram.until(lambda: len(came) == 3)
    assert [secret for secret, _ in came] == ["s"] * 3
    assert came[0] == came[1] != came[2]
    with pytest.raises(TelegramConflictError):
        await client.get_updates(timeout=0)
    await client.delete_webhook()
    assert await client.get_updates(timeout=0) == []
    await runner.cleanup()


async def test_bytes_travel_both_ways(client: Bot, ann: User, tmp_path: Path) -> None:
    """A clip comes as it was sent, and what the bot sends is seen as it is."""
    clip = tmp_path / "<b>&.mp4"
    clip.write_bytes(bytes(range(256)) * 500)
    await ann.sends_video(clip, "look")
    update = (await client.get_updates(timeout=0))[0]
    assert update.message.video.file_name == "<b>&.mp4"
    received = await client.download(update.message.video.file_id)
    assert received.read() == clip.read_bytes()
    sent = await client.send_video(
        ann.chat,
        file(b"result", "r.mp4"),
        thumbnail=file(b"small"),
        width=640,
        height=360,
        duration=3,
        caption="<b>Done</b> &lt;3",
        parse_mode="HTML",
        reply_markup=keyboard("again"),
    )
    seen = await ann.gets("video", "Done <3", button="Press")
    assert (seen.content, seen.media.thumbnail, seen.media.width) == (b"result", b"small", 640)
    again = await client.send_video(ann.chat, sent.video.file_id)
    assert again.video.file_id == sent.video.file_id


async def test_a_file_over_twenty_megabytes_is_not_handed_out(
    client: Bot, ann: User, telegram: Telegram
) -> None:
    """By the cloud's server; one's own hands it out."""
    message = await ann.sends_video(b"clip", size=20_000_001)
    with pytest.raises(TelegramBadRequest, match="file is too big"):
        await client.get_file(message.media.file_id)
    telegram.local = True
    assert (await client.get_file(message.media.file_id)).file_size == 20_000_001


async def test_an_upload_over_fifty_megabytes_is_cut_off(client: Bot, ann: User) -> None:
    """With 413, or the connection."""
    with pytest.raises((TelegramEntityTooLarge, TelegramNetworkError)):
        await client.send_document(ann.chat, file(bytes(52_000_000), "a.mov"))


async def test_a_press_is_answered_once_and_in_time(client: Bot, ann: User) -> None:
    """Later, the query is too old."""
    await client.send_message(ann.chat, "Hello", reply_markup=keyboard("d:1"))
    press = await ann.presses("Press", await ann.gets("text", "Hello"))
    query = (await client.get_updates(timeout=0))[0].callback_query
    assert (query.data, query.message.text, query.from_user.id) == ("d:1", "Hello", 7)
    await client.answer_callback_query(query.id, "Fine")
    assert await press.answered() == "Fine"
    ann.query_seconds = 0
    press = await ann.presses("d:1", await ann.gets("text", "Hello"))
    with pytest.raises(TelegramBadRequest, match="query is too old"):
        await client.answer_callback_query(press.id)


async def test_edits_are_seen_and_remembered(client: Bot, ann: User) -> None:
    """A text becomes a picture, whose caption and buttons change."""
    text = await client.send_message(ann.chat, "Looking")
    seen = await ann.gets("text", "Looking")
    media = InputMediaPhoto(media=file(), caption="Card")
    where = {"chat_id": ann.chat, "message_id": text.message_id}
    await client.edit_message_media(media, reply_markup=keyboard(), **where)
    assert (seen.kind, seen.text, seen.content, seen.labels) == (
        "photo",
        "Card",
        PICTURE,
        ["Press"],
    )
    await client.edit_message_caption(caption="Now", **where)
    assert (seen.text, seen.labels, seen.edits) == ("Now", [], 2)
    assert [text for _, _, text in seen.versions] == ["Looking", "Card"]
    with pytest.raises(TelegramBadRequest, match="no text in the message"):
        await client.edit_message_text("More", **where)


async def test_what_is_the_same_is_not_modified(client: Bot, ann: User) -> None:
    """And what is gone is not found."""
    message = await client.send_message(ann.chat, "One", reply_markup=keyboard())
    where = {"chat_id": ann.chat, "message_id": message.message_id}
    with pytest.raises(TelegramBadRequest, match="message is not modified"):
        await client.edit_message_text("One", reply_markup=keyboard(), **where)
    await client.edit_message_text("One", **where)
    await client.delete_message(**where)
    with pytest.raises(TelegramBadRequest, match="message to edit not found"):
        await client.edit_message_text("Two", **where)
    with pytest.raises(TelegramBadRequest, match="message to delete not found"):
        await client.delete_message(**where)
    sent = await ann.sends_text("Hi")
    with pytest.raises(TelegramBadRequest, match="can't be edited"):
        await client.edit_message_text("Ho", chat_id=ann.chat, message_id=sent.id)


@pytest.mark.parametrize(
    ("text", "more", "why"),
    [
        ("x" * 4097, {}, "message is too long"),
        (" ", {}, "text is empty"),
        ("<b>x", {"parse_mode": "HTML"}, "find end tag"),
        ("<x>x</x>", {"parse_mode": "HTML"}, "Unsupported start tag"),
        ("a < b", {"parse_mode": "HTML"}, "can't parse entities"),
        ("</b>", {"parse_mode": "HTML"}, "Unmatched end tag"),
        ("x", {"reply_markup": keyboard("x" * 65)}, "BUTTON_DATA_INVALID"),
        ("x", {"reply_markup": keyboard("x", "")}, "Text buttons"),
        ("x", {"reply_to_message_id": 99}, "replied not found"),
    ],
)
async def test_what_telegram_refuses(
    client: Bot, ann: User, text: str, more: dict[str, object], why: str
) -> None:
    """Texts, markup and buttons that are wrong."""
    with pytest.raises(TelegramBadRequest, match=why):
        await client.send_message(ann.chat, text, **more)


def picture(width: int, height: int, form: str = "JPEG") -> bytes:
    """A grey picture."""
    content = BytesIO()
    Image.new("L", (width, height), 90).save(content, form)
    return content.getvalue()


def upload(method: str, field: str, content: bytes) -> Call:
    """A call with one file."""
    media = {"media": json.dumps({"type": field, "media": "attach://x"})}
    arguments = media if method == "editMessageMedia" else {field: "attach://x"}
    return Call(0, method, arguments, {"x": ("x", content)})


@pytest.mark.parametrize(
    ("method", "field", "content", "what"),
    [
        ("sendPhoto", "photo", picture(960, 48), ""),
        ("sendPhoto", "photo", picture(961, 48), "961 × 48"),
        ("sendPhoto", "photo", picture(5001, 5000), "5001 × 5000"),
        ("sendPhoto", "photo", picture(9, 9) + bytes(10_000_000), "bytes"),
        ("editMessageMedia", "photo", picture(48, 961), "48 × 961"),
        ("editMessageMedia", "photo", PICTURE, "no picture"),
        ("sendVideo", "thumbnail", picture(320, 320), ""),
        ("sendVideo", "thumbnail", picture(321, 320), "321 × 320"),
        ("sendDocument", "thumbnail", picture(9, 9, "PNG"), "PNG"),
        ("sendVideo", "thumbnail", picture(9, 9) + bytes(200_000), "bytes"),
        ("sendVideo", "video", b"film", "no video"),
        ("sendVideo", "video", SAMPLE_CLIP.read_bytes(), ""),
        ("sendVideo", "video", SAMPLE_CLIP.read_bytes() + bytes(50_000_000), "bytes"),
        ("sendVideoNote", "video_note", WELCOME.read_bytes(), "pixels"),
        ("sendAnimation", "animation", SAMPLE_CLIP.read_bytes(), "sound"),
        ("sendAnimation", "animation", WELCOME.read_bytes(), ""),
        ("sendDocument", "document", PICTURE, ""),
    ],
    ids=lambda value: "file" if isinstance(value, bytes) else None,
)
def test_uploads_are_decoded_for_their_limits(
    method: str, field: str, content: bytes, what: str
) -> None:
    found = list(find_wrong_uploads(upload(method, field, content)))
    assert len(found) == bool(what)
    assert what in "".join(found)


async def test_tags_do_not_count(client: Bot, ann: User) -> None:
    """The limit is for what people read."""
    html = f"<b>{'x' * 4090}</b>&lt;&amp;"
    await client.send_message(ann.chat, html, parse_mode="HTML")
    assert (await ann.gets("text")).text.endswith("x<&")


async def test_files_that_telegram_refuses(client: Bot, ann: User) -> None:
    """Thumbnails, captions, stickers, empty files and names of nothing."""
    for sending, why in (
        (client.send_video(ann.chat, file(), thumbnail=file(bytes(200_001))), "thumbnail"),
        (client.send_video(7, file(), caption="x" * 1025), "caption is too long"),
        (client.send_sticker(7, file(bytes(300_000))), "STICKER_VIDEO_BIG"),
        (client.send_video(7, file(b"")), "non-empty"),
        (client.send_video(7, "nothing"), "wrong file identifier"),
    ):
        with pytest.raises(TelegramBadRequest, match=why):
            await sending


@pytest.mark.parametrize(
    ("sides", "is_sent"), [((960, 48), True), ((961, 48), False), ((5001, 5000), False)]
)
async def test_photos_with_sides_that_telegram_refuses(
    client: Bot, ann: User, sides: tuple[int, int], *, is_sent: bool
) -> None:
    """At most 20:1, and 10,000 pixels in sum."""
    content = BytesIO()
    Image.new("L", sides).save(content, "JPEG")
    with nullcontext() if is_sent else pytest.raises(TelegramBadRequest, match="DIMENSIONS"):
        await client.send_photo(ann.chat, file(content.getvalue()))


async def test_chats_that_are_closed(client: Bot, telegram: Telegram, ann: User) -> None:
    """Blocked, unknown, and moved."""
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await client.send_message(8, "Hi")
    await ann.blocks()
    with pytest.raises(TelegramForbiddenError, match="blocked"):
        await client.send_message(7, "Hi")
    telegram.group(-5, ann)
    telegram.chats[-5].moved = -1005
    with pytest.raises(TelegramMigrateToChat):
        await client.send_message(-5, "Hi")


async def test_who_talks_too_much_is_told_to_wait(
    client: Bot, telegram: Telegram, ann: User
) -> None:
    """With the seconds, for the chat alone."""
    telegram.rates = Rates(chat=(2, 30))
    telegram.user(8)
    await client.send_message(7, "1")
    await client.send_message(7, "2")
    with pytest.raises(TelegramRetryAfter) as caught:
        await client.send_message(7, "3")
    assert 1 <= caught.value.retry_after <= 31
    await client.send_message(8, "1")
    assert [m.text for m in ann.sees()] == ["1", "2"]


async def test_faults_come_as_ordered(client: Bot, telegram: Telegram, ann: User) -> None:
    """A status, a wait, a lost connection before or after, and garbage."""
    telegram.fails("sendMessage", status=502)
    with pytest.raises(TelegramServerError):
        await client.send_message(7, "1")
    telegram.fails("sendMessage", status=429, retry_after=9, chat=7)
    with pytest.raises(TelegramRetryAfter, match="9"):
        await client.send_message(7, "2")
    telegram.fails(drop="before")
    with pytest.raises(TelegramNetworkError):
        await client.send_message(7, "3")
    telegram.fails("sendMessage", drop="after")
    with pytest.raises(TelegramNetworkError):
        await client.send_message(7, "4")
    telegram.fails("sendMessage", garbage=True, delay=0.2)
    with pytest.raises(ClientDecodeError):
        await client.send_message(7, "5")
    await client.send_message(7, "6")
    assert [m.text for m in ann.sees()] == ["4", "5", "6"]
    assert [call.status for call in telegram.calls.of("sendMessage")] == [502, 429, 0, 0, 200, 200]


async def test_nobody_is_there_while_it_is_down(client: Bot, telegram: Telegram) -> None:
    """And everybody afterwards."""
    telegram.down = True
    with pytest.raises(TelegramNetworkError):
        await client.get_me()
    telegram.heals()
    assert (await client.get_me()).username == "overlay_test_bot"


async def test_the_ledger_finds_a_secret(client: Bot, telegram: Telegram, ann: User) -> None:
    """In texts and in files."""
    await client.send_message(7, "the word")
    await client.send_document(7, file(b"with the word in it"))
    await client.send_document(7, file(b"without"))
    found = telegram.calls.telling("the word")
    assert [call.method for call in found] == ["sendMessage", "sendDocument"]
    assert ann.sees("document")[0].content == b"with the word in it"


async def test_another_token_is_unauthorized(telegram: Telegram) -> None:
    """For calls and files alike."""
    async with connected(telegram, "4242:wrong") as bot:
        with pytest.raises(TelegramUnauthorizedError):
            await bot.get_me()


async def test_updates_of_every_kind_are_what_aiogram_reads(
    client: Bot, telegram: Telegram, ann: User, tmp_path: Path
) -> None:
    """An album, a note, an animation, a document, a voice, an edit, and a group."""
    picture = tmp_path / "b.jpg"
    picture.write_bytes(PICTURE)
    await ann.sends_album([picture, picture], "both")
    await ann.sends_note(b"note")
    await ann.sends_animation(b"gif")
    await ann.sends_document(b"doc", name="a.mkv", mime="video/x-matroska")
    await ann.sends_raw(voice={"file_id": "v", "file_unique_id": "v", "duration": 3})
    await ann.edits(await ann.sends_text("first"), "second")
    friend, _ = telegram.group(-100, ann, telegram.user(8))
    await friend.sends_text("/backend@overlay_test_bot")
    updates: list[Update] = await client.get_updates(timeout=0)
    messages = [update.message or update.edited_message for update in updates]
    assert messages[0].media_group_id == messages[1].media_group_id
    assert [m.content_type for m in messages] == [
        "photo", "photo", "video_note", "animation", "document", "voice", "text", "text", "text"
    ]  # fmt: skip
    assert messages[-1].chat.type == "supergroup"


async def test_a_transcript_is_kept(
    client: Bot, telegram: Telegram, ann: User, tmp_path: Path
) -> None:
    """As JSON, with the media beside it."""
    await ann.sends_text("/start")
    await client.send_photo(7, file(), caption="Card", reply_markup=keyboard())
    path = telegram.keep_transcript(7, tmp_path / "talk")
    assert '"text": "Press"' in path.read_text()
    assert (tmp_path / "talk" / "2.jpg").read_bytes() == PICTURE


@pytest.mark.parametrize(
    ("method", "arguments", "what"),
    [
        ("sendMessage", {"chat_id": 7, "text": "a", "silently": True}, "no parameter silently"),
        ("sendMessage", {"chat_id": 7}, "text: Field required"),
        ("sendMessage", {"chat_id": [], "text": "a"}, "chat_id"),
        (
            "sendMessage",
            {"chat_id": 7, "text": "a", "disable_web_page_preview": True},
            "disable_web_page_preview is deprecated",
        ),
        (
            "sendMessage",
            {
                "chat_id": 7,
                "text": "a",
                "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "x" * 65}]]},
            },
            "a button of 65 bytes",
        ),
        ("sendPigeon", {"chat_id": 7}, "no such method"),
    ],
)
async def test_what_the_bot_api_does_not_describe_is_found(
    telegram: Telegram, method: str, arguments: dict[str, Any], what: str
) -> None:
    """Every test fails in which the bot makes such a call, whatever it is answered."""
    async with ClientSession() as session:
        await session.post(f"{telegram.url}/bot{TOKEN}/{method}", json=arguments)
    assert any(what in violation for violation in telegram.validator.violations)
