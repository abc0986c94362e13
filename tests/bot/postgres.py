"""A Postgres of one's own: a real server, with nothing in it, for as long as the tests run."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from process import free_port

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run a server with its files in *folder*; gives its address, without a database's name."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("no Postgres is installed (/usr/lib/postgresql)")
    whose: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    data, port = folder / "postgres", free_port()
    data.mkdir(mode=0o700)
    if whose:  # which refuses to run as root
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("no user postgres, and Postgres does not run as root")
        shutil.chown(data, **whose)
        for above in [folder, *folder.parents]:
            if above.stat().st_uid == 0 and not above.stat().st_mode & 0o001:
                above.chmod(above.stat().st_mode | 0o011)
    options = " ".join(f"-c {key}={value}" for key, value in FAST.items())
    options += f" -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data}"
    tools, log = programs[-1], data / "log"

    def run(tool: str, *words: object) -> None:
        subprocess.run(
            [tools / tool, "-D", data, *map(str, words)],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            timeout=60,
            **whose,
        )

    run("initdb", "--no-sync", "--auth=trust", "--username=bot")
    run("pg_ctl", "-w", "-l", log, "-o", options, "start")
    try:
        yield f"postgresql://bot@127.0.0.1:{port}"
    finally:
        run("pg_ctl", "-m", "immediate", "-w", "stop")


def created(server: str, name: str) -> str:
    """The address of a new database."""
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server}/{name}"
