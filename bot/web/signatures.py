"""Who asks for a page: Telegram's signature of the user, or the operator's token.

The source of the signature: https://core.telegram.org/bots/webapps#validating-data-received-via-the-mini-app
"""

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiogram.utils.web_app import safe_parse_webapp_init_data

from bot.domain.job_request import Language, detect_language

MAX_INIT_DATA = 4096  #: characters; Telegram's are below a thousand
MAX_AGE_SECONDS = 3600.0  #: after which a page must be opened again
MAX_CLOCK_SKEW_SECONDS = 60.0  #: by which Telegram's clock may be ahead of ours
INIT_DATA_SCHEME, TOKEN_SCHEME = "tma ", "Bearer "
BROWSER_ACTOR = "browser"  #: who acts, in the audit log, with the operator's token


class SignatureRefused(Exception):
    """The request is not signed, or not by whom it must be.

    Attributes:
        is_expired: the signature is genuine and too old.
    """

    def __init__(self, why: str, *, is_expired: bool = False) -> None:
        super().__init__(why)
        self.is_expired = is_expired


@dataclass(frozen=True, slots=True)
class Visitor:
    """The user whom Telegram signed for.

    Attributes:
        user: Telegram's id of the user.
        language: the language of the user's Telegram.
        seconds_left: until the signature expires.
    """

    user: int
    language: Language
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Operator:
    """Who operates.

    Attributes:
        actor: the id of an admin, or :data:`BROWSER_ACTOR`.
        seconds_left: until the signature expires; None for the token, which does not.
    """

    actor: str
    seconds_left: float | None


class Signatures:
    """Checks the header ``Authorization`` of requests."""

    def __init__(
        self,
        bot_token: str,
        ops_token: str,
        admins: frozenset[int],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Store the secrets.

        Args:
            bot_token: with which Telegram signs.
            ops_token: opens the operator's pages in any browser; "" for none.
            admins: users who may open the operator's pages.
            clock: returns seconds since 1970.
        """
        self._bot_token, self._ops_token = bot_token, ops_token
        self._admins, self._clock = admins, clock

    def check_user(self, authorization: str) -> Visitor:
        """Return the user who signed a request.

        Raises:
            SignatureRefused: it is not signed by Telegram within the last hour.
        """
        init_data = authorization.removeprefix(INIT_DATA_SCHEME)
        if init_data == authorization or len(init_data) > MAX_INIT_DATA:
            raise SignatureRefused("no signature")
        try:
            signed = safe_parse_webapp_init_data(self._bot_token, init_data)
        except ValueError as err:  # pydantic's errors are of this class too
            raise SignatureRefused("forged") from err
        age = self._clock() - signed.auth_date.timestamp()
        if not -MAX_CLOCK_SKEW_SECONDS <= age <= MAX_AGE_SECONDS:
            raise SignatureRefused("expired", is_expired=True)
        if signed.user is None or signed.user.is_bot:
            raise SignatureRefused("no user")
        language = detect_language(signed.user.language_code)
        return Visitor(signed.user.id, language, MAX_AGE_SECONDS - age)

    def check_operator(self, authorization: str) -> Operator:
        """Return who operates.

        Raises:
            SignatureRefused: neither an admin nor the token.
        """
        if authorization.startswith(TOKEN_SCHEME):
            given = authorization.removeprefix(TOKEN_SCHEME).encode(errors="replace")
            if self._ops_token and hmac.compare_digest(given, self._ops_token.encode()):
                return Operator(BROWSER_ACTOR, None)
            raise SignatureRefused("wrong token")
        visitor = self.check_user(authorization)
        if visitor.user not in self._admins:
            raise SignatureRefused("no admin")
        return Operator(str(visitor.user), visitor.seconds_left)
