"""Who may come in, and links that let one file out."""

import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Annotated, Any

from fastapi import HTTPException, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from settings import Service

Bearer = Annotated[
    HTTPAuthorizationCredentials | None,
    Security(
        HTTPBearer(
            auto_error=False,
            description="or Modal's pair, in the headers Modal-Key and Modal-Secret",
        )
    ),
]


class NoKey(Exception):  # noqa: N818 - it says what is wrong with the settings
    """The service does not start without a key: it would be open to everybody."""


def doorkeeper(settings: Service) -> Callable[..., Awaitable[Any]]:
    """A dependency that lets in who shows the bearer token or Modal's pair of keys.

    Raises:
        NoKey: neither is set.
    """
    token = settings.token.get_secret_value()
    pair = settings.key.get_secret_value(), settings.secret.get_secret_value()
    if not token and not all(pair):
        raise NoKey("set a token, or both of Modal's keys")

    async def let_in(request: Request, bearer: Bearer) -> None:
        shown = request.headers
        by_token = _same(bearer.credentials if bearer else "", token)
        by_pair = _same(shown.get("modal-key", ""), pair[0])
        by_pair &= _same(shown.get("modal-secret", ""), pair[1])  # no short cut: time tells nothing
        if not (by_token or by_pair):
            raise HTTPException(401, "no key, or a wrong one", {"WWW-Authenticate": "Bearer"})

    return let_in


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode()) & bool(expected)


class Signer:
    """Signs names together with the second at which the signature ends; keys last one run."""

    def __init__(self, seconds: float) -> None:
        self._key = secrets.token_bytes(32)
        self._seconds = seconds

    def signed(self, name: str) -> dict[str, str | int]:
        """Query parameters that :meth:`holds` accepts for *name* for a while."""
        expires = int(time.time() + self._seconds)
        return {"expires": expires, "signature": self._signature(name, expires)}

    def holds(self, name: str, expires: int, signature: str) -> bool:
        """Whether *signature* is ours, for *name*, and has not ended."""
        ours = hmac.compare_digest(signature.encode(), self._signature(name, expires).encode())
        return ours and time.time() < expires

    def _signature(self, name: str, expires: int) -> str:
        return hmac.new(self._key, f"{name}|{expires}".encode(), sha256).hexdigest()
