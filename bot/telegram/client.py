"""One call to the Bot API and what may come of it; nothing that leaves here tells the token.

aiohttp's errors carry the address, the Bot API's addresses carry the token. So every foreign error
becomes one of aiogram's, raised anew where nothing of the old one hangs on it.
"""

import json
from http import HTTPStatus
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramNetworkError,
    TelegramRetryAfter,
)
from aiogram.methods import Response, TelegramMethod
from aiohttp import ClientError, ClientTimeout, UploadTracker

from bot.telegram.retry import DeliveryUnknown, RetryLimits, RetryMiddleware

CONNECT_SECONDS = 10
BUSY_RETRY_SECONDS = (
    5  #: after which a server that is busy and does not say for how long is asked again
)
BUSY, GATEWAY_TIMEOUT = HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.GATEWAY_TIMEOUT


class BotApiSession(AiohttpSession):
    """Calls the Bot API, patiently, and keeps the token to itself.

    Attributes:
        retry_middleware: the patience, which also counts.
    """

    def __init__(self, api: TelegramAPIServer, retry_limits: RetryLimits) -> None:
        super().__init__(api=api)
        self.retry_middleware = RetryMiddleware(retry_limits)
        self.middleware(self.retry_middleware)

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[Any],
        timeout: float | None = None,  # noqa: ASYNC109 - aiogram's name for it
    ) -> Any:
        """The answer to one call.

        Raises:
            Doubtful: it may have been done all the same.
            TelegramAPIError: it was not done; which of aiogram's errors it is tells why.
        """
        try:
            return await self._post(bot, method, timeout or self.timeout)
        except TelegramAPIError as err:
            err.message = redact(err.message, bot.token)
            failure = err.with_traceback(None)
        # Raised here, and rid of what led to it: that tells the address, and frames hold it.
        failure.__cause__ = failure.__context__ = None
        raise failure

    async def _post(self, bot: Bot, method: TelegramMethod[Any], seconds: float) -> Any:
        session = await self.create_session()
        tracker = UploadTracker()
        try:
            async with session.post(
                self.api.api_url(token=bot.token, method=method.__api_method__),
                data=self.build_form_data(bot, method),
                timeout=ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS),
                allow_redirects=False,
                upload_tracker=tracker,
            ) as answer:
                status, content = answer.status, await answer.text(errors="replace")
        except (ClientError, OSError, ValueError, LookupError) as err:
            raise _to_network_error(method, err, tracker) from err
        return self.check_response(bot, method, status, content).result

    def check_response(
        self, bot: Bot, method: TelegramMethod[Any], status_code: int, content: str
    ) -> Response[Any]:
        """Read an answer; a server in between may have written it, and not as Telegram does.

        Raises:
            Doubtful: nobody can tell what became of the call.
            TelegramAPIError: it was refused.
        """
        told = _parse_object(content)
        if status_code == GATEWAY_TIMEOUT or (told is None and status_code < 300):
            raise DeliveryUnknown(
                method=method, message=f"no readable answer, status {status_code}"
            )
        told = told or {}
        fine = status_code < 300 and told.get("ok") is True
        if not fine and not isinstance(told.get("description"), str):
            if status_code == BUSY:
                why = "too many requests"
                raise TelegramRetryAfter(method=method, message=why, retry_after=BUSY_RETRY_SECONDS)
            content = json.dumps({"ok": False, "description": f"status {status_code}"})
        try:
            return super().check_response(bot, method, status_code, content)
        except ClientDecodeError:
            pass
        raise TelegramAPIError(method=method, message="an answer of a shape that is not known")


def create_bot_api_session(
    server: str = "", *, is_local: bool = False, retry_limits: RetryLimits | None = None
) -> BotApiSession:
    """A session with Telegram, or with a Bot API server of one's own.

    Args:
        server: the address of the latter.
        is_local: it works on a disk that it shares with us.
        retry_limits: how long to try.
    """
    api = TelegramAPIServer.from_base(server, is_local=is_local) if server else PRODUCTION
    return BotApiSession(api, retry_limits or RetryLimits())


def redact(text: str, token: str) -> str:
    """*text* without the secret of *token*, in whatever encoding the part before it came."""
    return text.replace(token.partition(":")[2] or token, "…")


def _to_network_error(
    method: TelegramMethod[Any], err: Exception, tracker: UploadTracker
) -> TelegramNetworkError:
    """What *err* means: only a call that was sent whole can have been done."""
    sent = tracker.upload_complete
    whole = sent.done() and not sent.cancelled() and sent.exception() is None
    kind = DeliveryUnknown if whole else TelegramNetworkError
    return kind(method=method, message=type(err).__name__)


def _parse_object(content: str) -> dict[str, Any] | None:
    """A JSON object, if it is one."""
    try:
        told = json.loads(content)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
