"""aiogram's conversation states, in the same database as everything else."""

from collections.abc import Mapping
from typing import Any

from aiogram.fsm.state import State
from aiogram.fsm.storage.base import BaseStorage, DefaultKeyBuilder, StateType, StorageKey
from sqlalchemy import select

from bot.database.repository import Kept
from bot.database.schema import conversations

_KEYS = DefaultKeyBuilder(with_bot_id=True, with_business_connection_id=True, with_destiny=True)


class Conversation(Kept, BaseStorage):
    """Which question each user was asked last, and what she has answered so far."""

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        """See :class:`BaseStorage`."""
        name = state.state if isinstance(state, State) else state
        await self._keep(key, state=name)

    async def get_state(self, key: StorageKey) -> str | None:
        """See :class:`BaseStorage`."""
        async with self._reading.connect() as connection:
            found: str | None = await connection.scalar(
                select(conversations.c.state).where(conversations.c.key == _KEYS.build(key))
            )
        return found

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        """See :class:`BaseStorage`."""
        await self._keep(key, data=dict(data) or None)

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        """See :class:`BaseStorage`."""
        async with self._reading.connect() as connection:
            found = await connection.scalar(
                select(conversations.c.data).where(conversations.c.key == _KEYS.build(key))
            )
        return found or {}

    async def close(self) -> None:
        """Nothing: the engine is not ours."""

    async def _keep(self, key: StorageKey, **values: Any) -> None:
        insert = self._insert(conversations).values(key=_KEYS.build(key), **values)
        empty = conversations.c.state.is_(None), conversations.c.data.is_(None)
        async with self._writing.begin() as connection:
            await connection.execute(
                insert.on_conflict_do_update(index_elements=["key"], set_=values)
            )
            await connection.execute(conversations.delete().where(*empty))
