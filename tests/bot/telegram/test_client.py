"""A call to Telegram: how often it is made, and what its errors reveal."""

import time
from collections.abc import AsyncIterator

import pytest
from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.methods import EditMessageText
from aiogram.types import BufferedInputFile

from bot.telegram.retry import DeliveryUnknown
from tests.bot.support.scripted_telegram import (
    CHAT,
    SECRET,
    Answer,
    ScriptedServer,
    answer_with,
    collect_text,
    connect_bot,
    debug_log,
    delay,
    drop_after_reading,
    drop_before_reading,
    get_session,
    message,
    refuse_for,
    refuse_with,
    run_scripted_server,
    status,
)

__all__ = ["debug_log"]

MESSAGE = answer_with(message(text="hello"))
BROKEN = [
    refuse_with(500, "Internal Server Error"),
    status(502),
    refuse_with(503, "restart"),
    status(500),
]


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with run_scripted_server() as server:
        yield server


@pytest.fixture
async def bot(server: ScriptedServer) -> AsyncIterator[Bot]:
    async with connect_bot(server.url) as bot:
        yield bot


async def send(bot: Bot) -> int:
    return (await bot.send_message(CHAT, "hello")).message_id


async def edit(bot: Bot, chat: int = CHAT) -> None:
    await bot.edit_message_text("50 %", chat_id=chat, message_id=1)


async def edit_once(bot: Bot, chat: int = CHAT) -> None:
    method = EditMessageText(text="50 %", chat_id=chat, message_id=1)
    await get_session(bot).call_once(bot, method)


async def test_a_short_wait_is_waited_out(bot: Bot, server: ScriptedServer) -> None:
    server.answer("sendMessage", refuse_for(1), MESSAGE)
    assert await send(bot) == 12
    first, second = server.calls
    assert second.at - first.at >= 1


async def test_a_long_wait_is_the_callers(bot: Bot, server: ScriptedServer) -> None:
    server.answer("sendMessage", refuse_for(3600))
    with pytest.raises(TelegramRetryAfter) as caught:
        await send(bot)
    assert caught.value.retry_after == 3600
    assert len(server.calls) == 1


async def test_a_chat_that_wants_quiet_gets_it_from_every_call(
    bot: Bot, server: ScriptedServer
) -> None:
    """Progress was too quick; nothing else reaches this chat before the time is over."""
    server.answer("editMessageText", refuse_for(1))
    with pytest.raises(TelegramRetryAfter):
        await edit_once(bot)
    with pytest.raises(TelegramRetryAfter):
        await edit_once(bot)
    assert await send(bot) == 12
    edited, sent = server.calls
    assert (edited.method, sent.method) == ("editMessageText", "sendMessage")
    assert sent.at - edited.at >= 1


async def test_other_chats_do_not_wait(bot: Bot, server: ScriptedServer) -> None:
    server.answer("editMessageText", refuse_for(30))
    with pytest.raises(TelegramRetryAfter):
        await edit_once(bot, chat=8)
    before = time.monotonic()
    await send(bot)
    assert time.monotonic() - before < 0.5


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_server_fault_is_passed_over(
    bot: Bot, server: ScriptedServer, fault: Answer
) -> None:
    server.answer("sendMessage", fault, fault, MESSAGE)
    assert await send(bot) == 12
    assert len(server.calls) == 3


async def test_patience_ends(bot: Bot, server: ScriptedServer) -> None:
    server.answer("sendMessage", status(502))
    with pytest.raises(TelegramServerError):
        await send(bot)
    assert len(server.calls) == 4


async def test_a_hurried_call_is_made_once(bot: Bot, server: ScriptedServer) -> None:
    server.answer("editMessageText", status(502))
    with pytest.raises(TelegramServerError):
        await edit_once(bot)
    assert len(server.calls) == 1


async def test_asking_for_updates_is_the_pollers_to_repeat(
    bot: Bot, server: ScriptedServer
) -> None:
    server.answer("getUpdates", status(502))
    with pytest.raises(TelegramServerError):
        await bot.get_updates()
    assert len(server.calls) == 1


async def test_a_send_without_an_answer_is_made_once_more_and_counted(
    bot: Bot, server: ScriptedServer
) -> None:
    server.answer("sendMessage", drop_after_reading, MESSAGE)
    assert await send(bot) == 12
    assert len(server.calls) == 2
    assert get_session(bot).retry_middleware.uncertain_repeats == 1


@pytest.mark.parametrize("fault", [drop_after_reading, status(504), status(200, "not JSON")])
async def test_a_send_without_an_answer_is_not_made_a_third_time(
    bot: Bot, server: ScriptedServer, fault: Answer
) -> None:
    server.answer("sendMessage", fault)
    with pytest.raises(DeliveryUnknown):
        await send(bot)
    assert len(server.calls) == 2


async def test_a_send_that_times_out_is_made_once_more(bot: Bot, server: ScriptedServer) -> None:
    server.answer("sendMessage", delay(1, MESSAGE), MESSAGE)
    await bot.send_message(CHAT, "hello", request_timeout=0.3)
    assert len(server.calls) == 2
    assert get_session(bot).retry_middleware.uncertain_repeats == 1


async def test_an_edit_without_an_answer_may_be_made_often(
    bot: Bot, server: ScriptedServer
) -> None:
    server.answer(
        "editMessageText", drop_after_reading, drop_after_reading, drop_after_reading, MESSAGE
    )
    await edit(bot)
    assert len(server.calls) == 4
    assert get_session(bot).retry_middleware.uncertain_repeats == 0


async def test_an_upload_that_broke_off_was_not_done(bot: Bot, server: ScriptedServer) -> None:
    """What Telegram has not wholly received it has not sent on, so repeating it doubles nothing."""
    server.answer("sendDocument", drop_before_reading, drop_before_reading, MESSAGE)
    await bot.send_document(CHAT, BufferedInputFile(bytes(30_000_000), "a.mp4"))
    assert server.attempts["sendDocument"] == 3
    assert get_session(bot).retry_middleware.uncertain_repeats == 0


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refuse_with(413, "Request Entity Too Large"), TelegramEntityTooLarge),
        (status(413), TelegramEntityTooLarge),
        (refuse_with(403, "Forbidden: bot was blocked by the user"), TelegramForbiddenError),
        (refuse_with(400, "Bad Request: chat not found"), TelegramBadRequest),
        (status(400), TelegramBadRequest),
        (refuse_with(401, "Unauthorized"), TelegramUnauthorizedError),
        (answer_with({"no": "message"}), TelegramAPIError),
        (status(200, "{}"), TelegramAPIError),
        (status(403, "[]"), TelegramForbiddenError),
    ],
)
async def test_a_refusal_is_not_asked_again(
    bot: Bot, server: ScriptedServer, answer: Answer, kind: type[TelegramAPIError]
) -> None:
    server.answer("sendMessage", answer)
    with pytest.raises(kind):
        await send(bot)
    assert len(server.calls) == 1


async def test_a_busy_server_in_between_is_waited_for(server: ScriptedServer) -> None:
    server.answer("sendMessage", status(429))
    async with connect_bot(server.url) as bot:
        with pytest.raises(TelegramRetryAfter) as caught:
            await send(bot)
    assert caught.value.retry_after == 5


async def test_a_redirect_is_not_followed(bot: Bot, server: ScriptedServer) -> None:
    """Otherwise the target of the redirect would receive the token."""
    server.answer("sendMessage", status(307, Location=f"{server.url}/bot1:x/getMe"))
    with pytest.raises(TelegramAPIError):
        await send(bot)
    assert {call.method for call in server.calls} == {"sendMessage"}


@pytest.mark.parametrize(
    "fault",
    [
        drop_after_reading,
        drop_before_reading,
        refuse_with(401, "Unauthorized"),
        refuse_with(404, f"Not Found: /bot4242:{SECRET}/sendMessage"),
        status(404, f"<p>/bot4242%3A{SECRET}/sendMessage was not found on this server</p>"),
        status(200, "{"),
        status(200, f"/bot4242:{SECRET}/sendMessage"),
        status(302, Location="http://[broken"),
        status(200, "\udcff".encode("utf-8", "surrogateescape").decode("latin-1")),
        answer_with({"link": f"/bot4242:{SECRET}"}),
        delay(1, MESSAGE),
        refuse_for(100),
    ],
)
async def test_no_failure_tells_the_token(
    bot: Bot, server: ScriptedServer, debug_log: pytest.LogCaptureFixture, fault: Answer
) -> None:
    server.answer("sendMessage", fault)
    with pytest.raises(TelegramAPIError) as caught:
        await bot.send_message(CHAT, "hello", request_timeout=0.3)
    assert SECRET not in collect_text(caught.value, debug_log)


@pytest.mark.parametrize("server", ["http://127.0.0.1:1", "http://nobody.invalid", "http://[::bad"])
async def test_nobody_who_answers_is_a_network_error_without_the_token(
    debug_log: pytest.LogCaptureFixture, server: str
) -> None:
    async with connect_bot(server) as bot:
        with pytest.raises(TelegramNetworkError) as caught:
            await send(bot)
    assert not isinstance(caught.value, DeliveryUnknown)
    assert SECRET not in collect_text(caught.value, debug_log)


async def test_an_upload_that_breaks_off_tells_no_token(
    bot: Bot, server: ScriptedServer, debug_log: pytest.LogCaptureFixture
) -> None:
    server.answer("sendVideo", drop_before_reading)
    with pytest.raises(TelegramNetworkError) as caught:
        await bot.send_video(CHAT, BufferedInputFile(bytes(30_000_000), "a.mp4"))
    assert SECRET not in collect_text(caught.value, debug_log)
