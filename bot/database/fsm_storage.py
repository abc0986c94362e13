"""aiogram's storage of conversation states, in the bot's database."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiogram.fsm.state import State
from aiogram.fsm.storage.base import BaseStorage, DefaultKeyBuilder, StateType, StorageKey
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.repository import Repository
from bot.database.schema import fsm_states

_KEY_BUILDER = DefaultKeyBuilder(
    with_bot_id=True, with_business_connection_id=True, with_destiny=True
)


@dataclass(frozen=True, slots=True)
class _Dialog:
    """The last question to a user, and the answers so far."""

    state: str | None = None
    data: Mapping[str, Any] | None = None


class SqlStorage(Repository, BaseStorage):
    """Stores the last question to each user, and the answers so far.

    Every update asks for it, so all of them are read once and kept in memory; there are few, since
    a dialog that ends leaves no row. Only one process at a time handles updates (leader_lock.py).
    """

    def __init__(self, engine: AsyncEngine) -> None:
        """Use *engine*; the tables must exist."""
        super().__init__(engine)
        self._dialogs: dict[str, _Dialog] | None = None
        self._lock = asyncio.Lock()

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        """See :class:`BaseStorage`."""
        name = state.state if isinstance(state, State) else state
        await self._save(key, state=name)

    async def get_state(self, key: StorageKey) -> str | None:
        """See :class:`BaseStorage`."""
        return (await self._get(key)).state

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        """See :class:`BaseStorage`."""
        await self._save(key, data=dict(data) or None)

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        """See :class:`BaseStorage`."""
        return dict((await self._get(key)).data or {})

    async def close(self) -> None:
        """Do nothing: the owner of the engine closes it."""

    async def _get(self, key: StorageKey) -> _Dialog:
        if self._dialogs is None:
            async with self._lock:
                await self._load()
        return (self._dialogs or {}).get(_KEY_BUILDER.build(key), _Dialog())

    async def _load(self) -> dict[str, _Dialog]:
        """Return all dialogs; the database is read once."""
        if self._dialogs is None:
            async with self._engine.connect() as connection:
                rows = await connection.execute(select(fsm_states))
                self._dialogs = {row.key: _Dialog(row.state, row.data) for row in rows}
        return self._dialogs

    async def _save(self, key: StorageKey, **values: Any) -> None:
        """Write *values* into the row of *key*, or delete an empty one."""
        name = _KEY_BUILDER.build(key)
        async with self._lock:
            dialogs = await self._load()
            before = dialogs.get(name, _Dialog())
            after = replace(before, **values)
            if after == before:
                return
            insert = self._insert(fsm_states).values(key=name, **values)
            async with self._write_engine.begin() as connection:
                if after == _Dialog():
                    await connection.execute(fsm_states.delete().where(fsm_states.c.key == name))
                else:
                    await connection.execute(
                        insert.on_conflict_do_update(index_elements=["key"], set_=values)
                    )
            dialogs[name] = after
            if after == _Dialog():
                del dialogs[name]
