"""A call to Telegram: how often it is made, and what it tells when it fails."""

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
    Border,
    bordering,
    busy,
    calling,
    calls_of,
    everything,
    hangs_up,
    late,
    loud,
    message,
    refuses,
    says,
    status,
    vanishes,
)

__all__ = ["loud"]

FINE = says(message(text="hello"))
BROKEN = [refuses(500, "Internal Server Error"), status(502), refuses(503, "restart"), status(500)]


@pytest.fixture
async def border() -> AsyncIterator[Border]:
    async with bordering() as border:
        yield border


@pytest.fixture
async def bot(border: Border) -> AsyncIterator[Bot]:
    async with calling(border.url) as bot:
        yield bot


async def say(bot: Bot) -> int:
    return (await bot.send_message(CHAT, "hello")).message_id


async def edit(bot: Bot, chat: int = CHAT) -> None:
    await bot.edit_message_text("50 %", chat_id=chat, message_id=1)


async def edit_once(bot: Bot, chat: int = CHAT) -> None:
    method = EditMessageText(text="50 %", chat_id=chat, message_id=1)
    await calls_of(bot).call_once(bot, method)


async def test_a_short_wait_is_waited_out(bot: Bot, border: Border) -> None:
    border.answer("sendMessage", busy(1), FINE)
    assert await say(bot) == 12
    first, second = border.asked
    assert second.at - first.at >= 1


async def test_a_long_wait_is_the_callers(bot: Bot, border: Border) -> None:
    border.answer("sendMessage", busy(3600))
    with pytest.raises(TelegramRetryAfter) as caught:
        await say(bot)
    assert caught.value.retry_after == 3600
    assert len(border.asked) == 1


async def test_a_chat_that_wants_quiet_gets_it_from_every_call(bot: Bot, border: Border) -> None:
    """Progress was too quick; nothing else reaches this chat before the time is over."""
    border.answer("editMessageText", busy(1))
    with pytest.raises(TelegramRetryAfter):
        await edit_once(bot)
    with pytest.raises(TelegramRetryAfter):
        await edit_once(bot)
    assert await say(bot) == 12
    edited, said = border.asked
    assert (edited.method, said.method) == ("editMessageText", "sendMessage")
    assert said.at - edited.at >= 1


async def test_other_chats_do_not_wait(bot: Bot, border: Border) -> None:
    border.answer("editMessageText", busy(30))
    with pytest.raises(TelegramRetryAfter):
        await edit_once(bot, chat=8)
    before = time.monotonic()
    await say(bot)
    assert time.monotonic() - before < 0.5


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_server_fault_is_passed_over(bot: Bot, border: Border, fault: Answer) -> None:
    border.answer("sendMessage", fault, fault, FINE)
    assert await say(bot) == 12
    assert len(border.asked) == 3


async def test_patience_ends(bot: Bot, border: Border) -> None:
    border.answer("sendMessage", status(502))
    with pytest.raises(TelegramServerError):
        await say(bot)
    assert len(border.asked) == 4


async def test_a_hurried_call_is_made_once(bot: Bot, border: Border) -> None:
    border.answer("editMessageText", status(502))
    with pytest.raises(TelegramServerError):
        await edit_once(bot)
    assert len(border.asked) == 1


async def test_asking_for_updates_is_the_pollers_to_repeat(bot: Bot, border: Border) -> None:
    border.answer("getUpdates", status(502))
    with pytest.raises(TelegramServerError):
        await bot.get_updates()
    assert len(border.asked) == 1


async def test_a_send_without_an_answer_is_made_once_more_and_counted(
    bot: Bot, border: Border
) -> None:
    border.answer("sendMessage", hangs_up, FINE)
    assert await say(bot) == 12
    assert len(border.asked) == 2
    assert calls_of(bot).retry_middleware.uncertain_repeats == 1


@pytest.mark.parametrize("fault", [hangs_up, status(504), status(200, "not JSON")])
async def test_a_send_without_an_answer_is_not_made_a_third_time(
    bot: Bot, border: Border, fault: Answer
) -> None:
    border.answer("sendMessage", fault)
    with pytest.raises(DeliveryUnknown):
        await say(bot)
    assert len(border.asked) == 2


async def test_a_send_that_times_out_is_made_once_more(bot: Bot, border: Border) -> None:
    border.answer("sendMessage", late(1, FINE), FINE)
    await bot.send_message(CHAT, "hello", request_timeout=0.3)
    assert len(border.asked) == 2
    assert calls_of(bot).retry_middleware.uncertain_repeats == 1


async def test_an_edit_without_an_answer_may_be_made_often(bot: Bot, border: Border) -> None:
    border.answer("editMessageText", hangs_up, hangs_up, hangs_up, FINE)
    await edit(bot)
    assert len(border.asked) == 4
    assert calls_of(bot).retry_middleware.uncertain_repeats == 0


async def test_an_upload_that_broke_off_was_not_done(bot: Bot, border: Border) -> None:
    """What Telegram has not wholly received it has not sent on, so repeating it doubles nothing."""
    border.answer("sendVideo", vanishes, vanishes, FINE)
    await bot.send_video(CHAT, BufferedInputFile(bytes(30_000_000), "a.mp4"))
    assert border.begun["sendVideo"] == 3
    assert calls_of(bot).retry_middleware.uncertain_repeats == 0


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refuses(413, "Request Entity Too Large"), TelegramEntityTooLarge),
        (status(413), TelegramEntityTooLarge),
        (refuses(403, "Forbidden: bot was blocked by the user"), TelegramForbiddenError),
        (refuses(400, "Bad Request: chat not found"), TelegramBadRequest),
        (status(400), TelegramBadRequest),
        (refuses(401, "Unauthorized"), TelegramUnauthorizedError),
        (says({"no": "message"}), TelegramAPIError),
        (status(200, "{}"), TelegramAPIError),
        (status(403, "[]"), TelegramForbiddenError),
    ],
)
async def test_a_refusal_is_not_asked_again(
    bot: Bot, border: Border, answer: Answer, kind: type[TelegramAPIError]
) -> None:
    border.answer("sendMessage", answer)
    with pytest.raises(kind):
        await say(bot)
    assert len(border.asked) == 1


async def test_a_busy_server_in_between_is_waited_for(border: Border) -> None:
    border.answer("sendMessage", status(429))
    async with calling(border.url) as bot:
        with pytest.raises(TelegramRetryAfter) as caught:
            await say(bot)
    assert caught.value.retry_after == 5


async def test_a_redirect_is_not_followed(bot: Bot, border: Border) -> None:
    """Else whoever is redirected to would get the token."""
    border.answer("sendMessage", status(307, Location=f"{border.url}/bot1:x/getMe"))
    with pytest.raises(TelegramAPIError):
        await say(bot)
    assert {call.method for call in border.asked} == {"sendMessage"}


@pytest.mark.parametrize(
    "fault",
    [
        hangs_up,
        vanishes,
        refuses(401, "Unauthorized"),
        refuses(404, f"Not Found: /bot4242:{SECRET}/sendMessage"),
        status(404, f"<p>/bot4242%3A{SECRET}/sendMessage was not found on this server</p>"),
        status(200, "{"),
        status(200, f"/bot4242:{SECRET}/sendMessage"),
        status(302, Location="http://[broken"),
        status(200, "\udcff".encode("utf-8", "surrogateescape").decode("latin-1")),
        says({"link": f"/bot4242:{SECRET}"}),
        late(1, FINE),
        busy(100),
    ],
)
async def test_no_failure_tells_the_token(
    bot: Bot, border: Border, loud: pytest.LogCaptureFixture, fault: Answer
) -> None:
    border.answer("sendMessage", fault)
    with pytest.raises(TelegramAPIError) as caught:
        await bot.send_message(CHAT, "hello", request_timeout=0.3)
    assert SECRET not in everything(caught.value, loud)


@pytest.mark.parametrize("server", ["http://127.0.0.1:1", "http://nobody.invalid", "http://[::bad"])
async def test_nobody_who_answers_is_a_network_error_without_the_token(
    loud: pytest.LogCaptureFixture, server: str
) -> None:
    async with calling(server) as bot:
        with pytest.raises(TelegramNetworkError) as caught:
            await say(bot)
    assert not isinstance(caught.value, DeliveryUnknown)
    assert SECRET not in everything(caught.value, loud)


async def test_an_upload_that_breaks_off_tells_no_token(
    bot: Bot, border: Border, loud: pytest.LogCaptureFixture
) -> None:
    border.answer("sendVideo", vanishes)
    with pytest.raises(TelegramNetworkError) as caught:
        await bot.send_video(CHAT, BufferedInputFile(bytes(30_000_000), "a.mp4"))
    assert SECRET not in everything(caught.value, loud)
