"""Headers as Telegram's apps and operators' browsers send them."""

import hashlib
import hmac
import json
import time
from urllib.parse import quote, urlencode

OPS_TOKEN = "canary-of-the-operators-token"  # noqa: S105 - of a bot that is not there


def init_data(
    token: str, user_id: int, *, age: float = 0, language: str = "en", **more: str
) -> str:
    """What Telegram hands to a page, signed with *token*."""
    fields = {
        "auth_date": str(int(time.time() - age)),
        "query_id": "AAF03",
        "signature": "x" * 86,
        "user": json.dumps({"id": user_id, "first_name": "Ann", "language_code": language}),
        **more,
    }
    check = "\n".join(f"{name}={fields[name]}" for name in sorted(fields))
    secret = hmac.digest(b"WebAppData", token.encode(), hashlib.sha256)
    signed = hmac.new(secret, check.encode(), hashlib.sha256).hexdigest()
    return urlencode({**fields, "hash": signed})


def signed(token: str, user: int, *, age: float = 0) -> dict[str, str]:
    """The header of a request by *user*."""
    return {"Authorization": f"tma {init_data(token, user, age=age)}"}


def with_token(token: str = OPS_TOKEN) -> dict[str, str]:
    """The header of a request with the operator's token."""
    return {"Authorization": f"Bearer {token}"}


def launch(token: str, user: int, *, age: float = 0, language: str = "en") -> str:
    """The fragment with which Telegram opens a page."""
    return f"#tgWebAppData={quote(init_data(token, user, age=age, language=language))}"
