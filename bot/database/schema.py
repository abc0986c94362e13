"""The form of the tables, and the way to it from older ones."""

import logging

from sqlalchemy import Connection, inspect, text

from bot.database.tables import metadata, schema_version

log = logging.getLogger(__name__)

#: statements that bring the tables from version N + 1 to N + 2; never changed once released
MIGRATIONS: tuple[tuple[str, ...], ...] = ()
VERSION = len(MIGRATIONS) + 1


class DatabaseBroken(Exception):  # noqa: N818 - it says what is wrong
    """The database cannot be used; the message is one line for people."""


def migrate(connection: Connection) -> None:
    """Make the tables that are missing, and change older ones.

    Raises:
        DatabaseBroken: they are of a later version than this program.
    """
    known = inspect(connection).has_table(schema_version.name)
    version = (
        connection.scalar(schema_version.select().with_only_columns(schema_version.c.version))
        if known
        else None
    )
    if version is not None and version > VERSION:
        raise DatabaseBroken(
            f"the database is of a later version ({version}) than this program ({VERSION})"
        )
    for number, statements in enumerate(MIGRATIONS, 1):
        if version is not None and version <= number:
            log.info("bringing the database from version %s to %s", number, number + 1)
            for statement in statements:
                connection.execute(text(statement))
    metadata.create_all(connection)
    if version is None:
        connection.execute(schema_version.insert().values(only=1, version=VERSION))
    else:
        connection.execute(schema_version.update().values(version=VERSION))
