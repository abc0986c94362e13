"""One process at a time; the next one waits until the one before is gone, however it went."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.database.engine import create_engine
from bot.database.schema import DatabaseUnusable
from bot.operations.leader_lock import hold_leader_lock
from settings import StorageSettings
from tests.support.paths import ROOT

HOLDER = """
import asyncio, sys
from pathlib import Path
import bot
from bot.database.engine import create_engine
from bot.operations.leader_lock import hold_leader_lock
from settings import StorageSettings
async def main():
    storage = StorageSettings(folder=Path(sys.argv[1]), database_url=sys.argv[2])
    async with hold_leader_lock(create_engine(storage), storage.folder, lambda: None):
        print("held", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.fixture
def storage(tmp_path: Path, database: dict[str, str]) -> StorageSettings:
    """Of each kind of database."""
    return StorageSettings(folder=tmp_path, database_url=database.get("DATABASE_URL", ""))


@pytest.fixture
async def engines(storage: StorageSettings) -> AsyncIterator[list[AsyncEngine]]:
    """Of two processes that come one after the other."""
    made = [create_engine(storage), create_engine(storage)]
    yield made
    for one in made:
        await one.dispose()


def never() -> None:
    """It must not be lost."""
    raise AssertionError


async def test_the_second_waits_for_the_first(
    storage: StorageSettings, engines: list[AsyncEngine]
) -> None:
    """And has it as soon as the first lets go."""
    async with AsyncExitStack() as first, AsyncExitStack() as second:
        await first.enter_async_context(hold_leader_lock(engines[0], storage.folder, never))
        waiting = asyncio.create_task(
            second.enter_async_context(hold_leader_lock(engines[1], storage.folder, never))
        )
        await asyncio.sleep(0.8)
        assert not waiting.done()
        await first.aclose()
        await asyncio.wait_for(waiting, 2)


async def test_who_is_killed_lets_go(storage: StorageSettings, engines: list[AsyncEngine]) -> None:
    """As a platform kills what does not end."""
    words = [sys.executable, "-c", HOLDER, str(storage.folder)]
    address = storage.database_url.get_secret_value()
    holder = await asyncio.create_subprocess_exec(*words, address, cwd=ROOT, stdout=PIPE)
    assert holder.stdout
    assert await holder.stdout.readline() == b"held\n"
    holder.kill()
    async with asyncio.timeout(5), hold_leader_lock(engines[1], storage.folder, never):
        await holder.wait()


async def test_a_connection_that_breaks_is_noticed(postgres: str, tmp_path: Path) -> None:
    """The lock is gone with it, and another process may work."""
    storage = StorageSettings(folder=tmp_path, database_url=f"{postgres}/postgres")
    lost = asyncio.Event()
    one = create_engine(storage)
    async with hold_leader_lock(one, tmp_path, lost.set):
        async with await psycopg.AsyncConnection.connect(f"{postgres}/postgres") as other:
            await other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            )
        async with asyncio.timeout(12):
            await lost.wait()
    await one.dispose()


async def test_a_database_that_stays_away_is_not_waited_for(tmp_path: Path) -> None:
    """The platform shall see that something is wrong."""
    address = "postgresql://bot:canary@127.0.0.1:1/db"
    one = create_engine(StorageSettings(folder=tmp_path, database_url=address))
    with pytest.raises(DatabaseUnusable, match="cannot be reached") as caught:
        async with hold_leader_lock(one, tmp_path, never, max_unreachable=0.5):
            pass
    assert "canary" not in str(caught.value)
