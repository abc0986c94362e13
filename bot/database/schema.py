"""The form of the tables, and the way to it from older ones."""

import logging

from sqlalchemy import Connection, inspect, select, text

from bot.database.tables import metadata, schema_version

log = logging.getLogger(__name__)

Migrations = tuple[tuple[str, ...], ...]

#: statements that bring the tables from version N + 1 to N + 2; never changed once released
MIGRATIONS: Migrations = ()
VERSION = len(MIGRATIONS) + 1


class DatabaseBroken(Exception):  # noqa: N818 - it says what is wrong
    """The database cannot be used; the message is one line for people."""


def migrate(connection: Connection, migrations: Migrations = MIGRATIONS) -> None:
    """Make the tables that are missing, and change older ones.

    Args:
        connection: within a transaction, which is all or nothing.
        migrations: what leads from each version to the next.

    Raises:
        DatabaseBroken: they are of a later version than this program.
    """
    today = len(migrations) + 1
    version = _version(connection)
    if version is None:
        metadata.create_all(connection)
        connection.execute(schema_version.insert().values(only=1, version=today))
        return
    if version > today:
        raise DatabaseBroken(
            f"the database is of a later version ({version}) than this program ({today})"
        )
    for number, statements in enumerate(migrations[version - 1 :], version):
        log.info("bringing the database from version %s to %s", number, number + 1)
        for statement in statements:
            connection.execute(text(statement))
    metadata.create_all(connection)
    connection.execute(schema_version.update().values(version=today))


def _version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(schema_version.name):
        return None
    version: int | None = connection.scalar(select(schema_version.c.version))
    return version
