"""aiogram's storage of conversation states, in the bot's database."""

from collections.abc import Mapping
from typing import Any

from aiogram.fsm.state import State
from aiogram.fsm.storage.base import BaseStorage, DefaultKeyBuilder, StateType, StorageKey
from sqlalchemy import select

from bot.database.repository import Repository
from bot.database.schema import fsm_states

_KEY_BUILDER = DefaultKeyBuilder(
    with_bot_id=True, with_business_connection_id=True, with_destiny=True
)


class SqlStorage(Repository, BaseStorage):
    """Stores the last question to each user, and the answers so far."""

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        """See :class:`BaseStorage`."""
        name = state.state if isinstance(state, State) else state
        await self._save(key, state=name)

    async def get_state(self, key: StorageKey) -> str | None:
        """See :class:`BaseStorage`."""
        async with self._engine.connect() as connection:
            state: str | None = await connection.scalar(
                select(fsm_states.c.state).where(fsm_states.c.key == _KEY_BUILDER.build(key))
            )
        return state

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        """See :class:`BaseStorage`."""
        await self._save(key, data=dict(data) or None)

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        """See :class:`BaseStorage`."""
        async with self._engine.connect() as connection:
            data = await connection.scalar(
                select(fsm_states.c.data).where(fsm_states.c.key == _KEY_BUILDER.build(key))
            )
        return data or {}

    async def close(self) -> None:
        """Do nothing: the owner of the engine closes it."""

    async def _save(self, key: StorageKey, **values: Any) -> None:
        insert = self._insert(fsm_states).values(key=_KEY_BUILDER.build(key), **values)
        empty = fsm_states.c.state.is_(None), fsm_states.c.data.is_(None)
        async with self._write_engine.begin() as connection:
            await connection.execute(
                insert.on_conflict_do_update(index_elements=["key"], set_=values)
            )
            await connection.execute(fsm_states.delete().where(*empty))
