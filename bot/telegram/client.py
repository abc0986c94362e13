"""Calls the Bot API without ever revealing the token.

The addresses of the Bot API contain the token, and aiohttp's errors contain the address. Therefore
each of them becomes an error of aiogram's that is raised without a cause or a context.
"""

import json
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, get_args

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
from aiogram.types import Message
from aiohttp import ClientError, ClientTimeout, UploadTracker

from bot.telegram.partial_parsing import parse_known_parts
from bot.telegram.retry import DeliveryUnknown, RetryLimits, RetryMiddleware

CONNECT_SECONDS = 10
BUSY_RETRY_SECONDS = 5  #: to wait for a server that is busy and does not say for how long
BUSY, GATEWAY_TIMEOUT = HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.GATEWAY_TIMEOUT


class BotApiSession(AiohttpSession):
    """Calls the Bot API, repeats calls, and hides the token.

    Attributes:
        retry_middleware: repeats calls, and counts the repetitions.
    """

    def __init__(self, api: TelegramAPIServer, retry_limits: RetryLimits) -> None:
        super().__init__(api=api)
        # A type is built in 10 to 300 ms, and pydantic forgets those that nobody keeps.
        self._response_types: set[Any] = {Response[Message]}
        self.retry_middleware = RetryMiddleware(retry_limits)
        self.middleware(self.retry_middleware)

    async def call_once(
        self, bot: Bot, method: TelegramMethod[Any], request_timeout: int | None = None
    ) -> Any:
        """Call without a repetition; otherwise as ``bot(method)``."""
        request = partial(self.make_request, timeout=request_timeout)
        return await self.retry_middleware.call_once(request, bot, method)

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[Any],
        timeout: float | None = None,  # noqa: ASYNC109 - aiogram calls it so
    ) -> Any:
        """Make one attempt at a call, and return its result.

        Raises:
            DeliveryUnknown: Telegram may have carried the call out.
            TelegramAPIError: Telegram did not; the class of the error says why.
        """
        try:
            return await self._post(bot, method, timeout or self.timeout)
        except TelegramAPIError as err:
            err.message = redact(err.message, bot.token)
            failure = err.with_traceback(None)
        # Raised outside of the handler: cause, context and traceback contain the address.
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
        """Parse an answer, which a proxy may have written in another form than Telegram's.

        Raises:
            DeliveryUnknown: the answer does not say whether the call was carried out.
            TelegramAPIError: the call was refused.
        """
        answer = _parse_object(content)
        if status_code == GATEWAY_TIMEOUT or (answer is None and status_code < 300):
            raise DeliveryUnknown(
                method=method, message=f"no readable answer, status {status_code}"
            )
        answer = answer or {}
        is_success = status_code < 300 and answer.get("ok") is True
        if not is_success and not isinstance(answer.get("description"), str):
            if status_code == BUSY:
                raise TelegramRetryAfter(
                    method=method, message="too many requests", retry_after=BUSY_RETRY_SECONDS
                )
            content = json.dumps({"ok": False, "description": f"status {status_code}"})
        self._response_types.add(Response[method.__returning__])  # type: ignore[name-defined]
        try:
            return super().check_response(bot, method, status_code, content)
        except ClientDecodeError:
            pass
        # Without a repetition: Telegram has carried the call out.
        if is_success and (known := _read_known_parts(bot, method, answer)) is not None:
            return known
        raise TelegramAPIError(method=method, message="an answer of an unknown form")


def _read_known_parts(
    bot: Bot, method: TelegramMethod[Any], answer: Mapping[str, Any]
) -> Response[Any] | None:
    """Return the known parts of the message in *answer*; None where there is no message."""
    result = answer.get("result")
    returned = (method.__returning__, *get_args(method.__returning__))
    if Message not in returned or not isinstance(result, dict) or "message_id" not in result:
        return None
    message = {"date": 0, "chat": {"id": 0, "type": "private"}} | result
    parse = partial(Response[Message].model_validate, context={"bot": bot})
    return parse_known_parts(parse, {"ok": True, "result": message})


def create_bot_api_session(
    server: str = "", *, is_local: bool = False, retry_limits: RetryLimits | None = None
) -> BotApiSession:
    """Create a session with Telegram, or with a Bot API server of the operator's own.

    Args:
        server: the address of such a server; "" for Telegram.
        is_local: whether it runs in local mode, on a disk that it shares with the bot.
        retry_limits: for how long calls are repeated.
    """
    api = TelegramAPIServer.from_base(server, is_local=is_local) if server else PRODUCTION
    return BotApiSession(api, retry_limits or RetryLimits())


def redact(text: str, token: str) -> str:
    """Return *text* without the secret part of *token*, which comes after the colon."""
    return text.replace(token.partition(":")[2] or token, "…")


def _to_network_error(
    method: TelegramMethod[Any], err: Exception, tracker: UploadTracker
) -> TelegramNetworkError:
    """Translate *err*; only a call that was sent completely can have been carried out."""
    upload = tracker.upload_complete
    is_sent = upload.done() and not upload.cancelled() and upload.exception() is None
    error_type = DeliveryUnknown if is_sent else TelegramNetworkError
    return error_type(method=method, message=type(err).__name__)


def _parse_object(content: str) -> dict[str, Any] | None:
    """Return a JSON object; None where *content* is none."""
    try:
        value = json.loads(content)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
