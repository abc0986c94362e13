"""A session that records the bot's calls, and answers as Telegram would."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any, TypeVar

from aiogram import Bot
from aiogram.client.telegram import PRODUCTION
from aiogram.exceptions import TelegramForbiddenError, TelegramNetworkError
from aiogram.methods import GetMe, SendAnimation, SendMessage, TelegramMethod
from aiogram.types import Chat, InputFile, Message, User

from bot.telegram.client import BotApiSession
from bot.telegram.retry import RetryLimits
from tests.bot.support.fake_telegram import Call
from tests.bot.support.fake_telegram.schema import Validator

M = TypeVar("M", bound=TelegramMethod[Any])
ME = User(id=42, is_bot=True, first_name="Bot", username="overlay_bot")


class RecordingSession(BotApiSession):
    """Records all calls, and fails where a test wants it.

    Attributes:
        asked: all calls but getMe, in order.
        gone: chats that have blocked the bot, by id.
        away: whether Telegram cannot be reached.
        validator: looks at the calls of all sessions; a fixture fails a test where it finds some.
    """

    validator = Validator()

    def __init__(self) -> None:
        super().__init__(PRODUCTION, RetryLimits(attempts=1))
        self.calls: list[TelegramMethod[Any]] = []
        self.gone: set[int] = set()
        self.away = False

    def get_calls(self, kind: type[M]) -> list[M]:
        """The calls of one kind."""
        return [method for method in self.calls if isinstance(method, kind)]

    @property
    def texts(self) -> list[str]:
        """What was sent."""
        calls = (call for call in self.calls if isinstance(call, SendMessage | SendAnimation))
        return [
            call.text if isinstance(call, SendMessage) else call.caption or "" for call in calls
        ]

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[Any],
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 - aiogram's name for it
    ) -> Any:
        """Answer one call."""
        self.validator.check(await self._read_form(bot, method))
        if isinstance(method, GetMe):
            return ME
        if self.away:
            raise TelegramNetworkError(method=method, message="no route")
        if getattr(method, "chat_id", None) in self.gone:
            raise TelegramForbiddenError(method=method, message="bot was blocked by the user")
        self.calls.append(method)
        if isinstance(method, SendMessage):
            chat = Chat(id=int(method.chat_id), type="private")
            return Message(message_id=len(self.calls), date=datetime.now(UTC), chat=chat).as_(bot)
        return True

    async def _read_form(self, bot: Bot, method: TelegramMethod[Any]) -> Call:
        """What a server would read of *method*."""
        files: dict[str, InputFile] = {}
        values = {
            name: self.prepare_value(value, bot=bot, files=files)
            for name, value in method.model_dump(warnings=False).items()
        }
        call = Call(0, method.__api_method__, {name: v for name, v in values.items() if v})
        for name, file in files.items():
            content = b"".join([chunk async for chunk in file.read(bot)])
            call.files[name] = (file.filename or name, content)
        return call

    async def stream_content(self, *_: Any, **__: Any) -> AsyncGenerator[bytes, None]:
        """Nothing is fetched here."""
        yield b""

    async def close(self) -> None:
        """There is nothing to close."""
