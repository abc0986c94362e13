"""A Postgres of one's own: a real server, with nothing in it, for as long as the tests run."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from tests.bot.support.bot_process import free_port

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@contextmanager
def serving() -> Iterator[str]:
    """Run a server; gives its address, without a database's name."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("no Postgres is installed (/usr/lib/postgresql)")
    whose: dict[str, Any] = {}
    if os.geteuid() == 0:  # as which it refuses to run
        whose = {"user": "postgres", "group": "postgres"}
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("no user postgres, and Postgres does not run as root")
    # not below pytest's folder, which is nobody else's to enter
    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        if whose:
            shutil.chown(folder, **whose)
        yield from _running(programs[-1], Path(folder), whose)


def _running(programs: Path, folder: Path, whose: dict[str, Any]) -> Iterator[str]:
    data, port = folder / "data", free_port()
    options = " ".join(f"-c {key}={value}" for key, value in FAST.items())
    options += f" -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"

    def run(tool: str, *words: object) -> None:
        subprocess.run(
            [programs / tool, "-D", data, *map(str, words)],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            timeout=60,
            **whose,
        )

    run("initdb", "--no-sync", "--auth=trust", "--username=bot")
    run("pg_ctl", "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield f"postgresql://bot@127.0.0.1:{port}"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")


def created(server: str, name: str) -> str:
    """The address of a new database."""
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server}/{name}"
