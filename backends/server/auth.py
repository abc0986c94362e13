"""Authentication of clients, and signed links that need none."""

import hmac
import math
import secrets
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from fastapi import HTTPException, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from settings import ServiceSettings
from video_editing.contract.atomic_file import atomic_write, translate_output_errors

Bearer = Annotated[
    HTTPAuthorizationCredentials | None,
    Security(
        HTTPBearer(
            auto_error=False,
            description="or Modal's key pair, in the headers Modal-Key and Modal-Secret",
        )
    ),
]


MIN_TOKEN_LENGTH = 16  #: characters; a shorter one can be guessed


class MissingServiceKey(Exception):
    """The service does not start without a key that is hard to guess."""


def require_key(settings: ServiceSettings) -> Callable[..., Awaitable[Any]]:
    """Return a dependency that admits requests with the bearer token or with Modal's key pair.

    Raises:
        MissingServiceKey: neither is set, or the token is too short.
    """
    token = settings.token.get_secret_value()
    pair = settings.key.get_secret_value(), settings.secret.get_secret_value()
    if not token and not all(pair):
        raise MissingServiceKey("set a token, or both of Modal's keys")
    if token and len(token) < MIN_TOKEN_LENGTH:
        raise MissingServiceKey(f"set a token of at least {MIN_TOKEN_LENGTH} characters")

    async def check_headers(request: Request, bearer: Bearer) -> None:
        headers = request.headers
        has_token = _is_equal(bearer.credentials if bearer else "", token)
        has_pair = _is_equal(headers.get("modal-key", ""), pair[0])
        # Both parts are always compared, so that the time reveals nothing.
        has_pair &= _is_equal(headers.get("modal-secret", ""), pair[1])
        if not (has_token or has_pair):
            raise HTTPException(401, "no key, or a wrong one", {"WWW-Authenticate": "Bearer"})

    return check_headers


def _is_equal(actual: str, expected: str) -> bool:
    return hmac.compare_digest(actual.encode(), expected.encode()) & bool(expected)


class LinkSigner:
    """Signs names together with the second at which the signature expires.

    The key is random. It is stored beside the signed files, so that links outlive the process.
    """

    def __init__(self, key_file: Path, seconds: float) -> None:
        """Sign with the key in *key_file*; a signature is valid for *seconds*."""
        self._key_file, self._seconds = key_file, seconds

    @property
    def has_key(self) -> bool:
        """Whether there is a key, without which no signature is valid."""
        return self._key_file.exists()

    def create_key(self) -> None:
        """Create the key, unless there is one.

        Raises:
            OutputFailed: it cannot be stored.
        """
        if not self.has_key:
            with atomic_write(self._key_file) as part, translate_output_errors():
                part.touch(mode=0o600)
                part.write_bytes(secrets.token_bytes(32))

    def sign(self, name: str, latest: float = math.inf) -> dict[str, str | int]:
        """Return query parameters that :meth:`is_valid` accepts for *name* until they expire.

        Args:
            name: what is signed.
            latest: when they expire at the latest, in seconds since the epoch.
        """
        expires = int(min(time.time() + self._seconds, latest))
        return {"expires": expires, "signature": self._compute_signature(name, expires)}

    def is_valid(self, name: str, expires: int, signature: str) -> bool:
        """Return whether *signature* was made here for *name* and has not expired."""
        is_authentic = self.has_key and hmac.compare_digest(
            signature.encode(), self._compute_signature(name, expires).encode()
        )
        return is_authentic and time.time() < expires

    def _compute_signature(self, name: str, expires: int) -> str:
        key = self._key_file.read_bytes()
        return hmac.new(key, f"{name}|{expires}".encode(), sha256).hexdigest()
