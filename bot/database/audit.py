"""The audit log: what operators did, and when."""

import time
from dataclasses import dataclass

from sqlalchemy import select

from bot.database.repository import Repository
from bot.database.schema import audit

MAX_SUBJECT = 200  #: characters of what an action concerned


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One action.

    Attributes:
        at: seconds since 1970.
        actor: the Telegram id of an admin, or "browser".
        action: its name, as in the request.
        subject: the job or backend that it concerned; "" for none.
        outcome: "done", or why it was not.
    """

    at: float
    actor: str
    action: str
    subject: str
    outcome: str


class AuditLog(Repository):
    """Appends entries, and reads the latest."""

    async def record(self, actor: str, action: str, subject: str, outcome: str) -> None:
        """Append an entry."""
        async with self._write_engine.begin() as connection:
            await connection.execute(
                audit.insert().values(
                    at=time.time(),
                    actor=actor,
                    action=action,
                    subject=subject[:MAX_SUBJECT],
                    outcome=outcome,
                )
            )

    async def list_latest(self, count: int = 50) -> list[AuditEntry]:
        """Return the latest entries, the newest first."""
        columns = [audit.c[name] for name in AuditEntry.__dataclass_fields__]
        query = select(*columns).order_by(audit.c.id.desc()).limit(count)
        async with self._engine.connect() as connection:
            return [AuditEntry(*row) for row in await connection.execute(query)]
