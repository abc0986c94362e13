"""What Shotstack tells by itself when a render ends: a hint to look, never a fact.

Callbacks are not signed. One that knows the secret path and the intent may name a render, which is
then looked at with our key; who waits for it does so, and meanwhile it is answered at once.
"""

import hmac
from hashlib import sha256

from pydantic import BaseModel, SecretStr, ValidationError

from backends.shotstack.answers import Id
from backends.shotstack.intents import Intents

LONGEST = 1 << 16  #: bytes of a callback
OK, BAD, UNKNOWN, TOO_LARGE = 200, 400, 404, 413  #: statuses of HTTP


class _Callback(BaseModel):
    type: str
    action: str
    id: Id


class Callbacks:
    """Hears callbacks at ``…/<secret>/<intent>``.

    Attributes:
        secret: the part of the path that nobody guesses. It follows from the key, so it stays the
            same over restarts and is no setting; the key does not follow from it.
    """

    def __init__(self, key: SecretStr, intents: Intents) -> None:
        """Hear of *intents*, at a path that is derived from *key*."""
        mark = hmac.new(key.get_secret_value().encode(), b"shotstack callbacks", sha256)
        self.secret = mark.hexdigest()[:40]
        self._intents = intents

    def heard(self, secret: str, intent: str, body: bytes) -> int:
        """Take one POST, and give the HTTP status to answer with; the same one twice is harmless.

        Args:
            secret: of the path.
            intent: of the path.
            body: at most LONGEST bytes of it and one more.
        """
        if not hmac.compare_digest(secret.encode(errors="replace"), self.secret.encode()):
            return UNKNOWN
        if not self._intents.known(intent):
            return UNKNOWN
        if len(body) > LONGEST:
            return TOO_LARGE
        try:
            told = _Callback.model_validate_json(body)
        except ValidationError:
            return BAD
        if (told.type, told.action) != ("edit", "render"):
            return OK  # of no use, and not to be sent again
        return OK if self._intents.hint(intent, told.id) else UNKNOWN
