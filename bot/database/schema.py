"""The tables, and their migrations."""

import logging

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    select,
    text,
)

metadata = MetaData()

#: one row: the version of the tables
schema_version = Table(
    "schema_version",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)

users = Table(
    "people",
    metadata,
    Column("user", BigInteger, primary_key=True, autoincrement=False),
    Column("language", String(8)),
    Column("look", JSON(none_as_null=True)),
    Column("styles", JSON(none_as_null=True)),
)

drafts = Table(
    "drafts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("user", BigInteger, nullable=False, index=True),
    Column("chat", BigInteger, nullable=False),
    Column("message", BigInteger, nullable=False),
    Column("topic", BigInteger),
    Column("direct_topic", BigInteger),
    Column("language", String(8), nullable=False),
    Column("clip", JSON(none_as_null=True)),
    Column("backgrounds", JSON, nullable=False),
    Column("look", JSON, nullable=False),
    Column("album", String(64)),
    Column("note", BigInteger),
    Column("card", BigInteger),
    Column("used", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    Column("page", String(16)),
    Column("excerpt", JSON(none_as_null=True)),
    Column("form", String(16)),
    Column("mattes", String(32)),
    Column("more_clips", JSON(none_as_null=True)),
    Column("cover", Double),
    UniqueConstraint("chat", "album"),
)

#: messages that became drafts or parts of them; Telegram may deliver a message again
draft_messages = Table(
    "draft_messages",
    metadata,
    Column("chat", BigInteger, primary_key=True, autoincrement=False),
    Column("message", BigInteger, primary_key=True, autoincrement=False),
    Column("draft", String(32), nullable=False),
    Column("seen", Double, nullable=False, index=True),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("origin", String(128), nullable=False, unique=True),
    Column("user", BigInteger, nullable=False, index=True),
    Column("chat", BigInteger, nullable=False),
    Column("topic", BigInteger),
    Column("direct_topic", BigInteger),
    Column("reply_to", BigInteger),
    Column("language", String(8), nullable=False),
    Column("order", JSON, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("stage", String(16), nullable=False),
    Column("status", BigInteger),
    Column("cancelled", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("deaths", Integer, nullable=False),
    Column("furthest", String(32), nullable=False),
    Column("due", Double, nullable=False),
    Column("pauses", Integer, nullable=False),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("parked", Double),
    Column("ended", Double),
    Column("fault", String(64)),
    Column("result", BigInteger),
    Column("file_id", Text),
    Column("told", Boolean, nullable=False),
    Column("noticed", Double, nullable=False),
    Column("series", String(32), index=True),
    Column("number", Integer),
    Column("count", Integer),
)

measurements = Table(
    "measures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job", String(32), nullable=False, index=True),
    Column("stage", String(16), nullable=False),
    Column("place", Text, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("dollars", Double, nullable=False),
    Column("at", Double, nullable=False, index=True),
)

#: what operators did; rows are only added
audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Double, nullable=False),
    Column("actor", String(32), nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("outcome", String(64), nullable=False),
)

key_values = Table(
    "knobs",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", JSON, nullable=False),
)

fsm_states = Table(
    "conversations",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("state", Text),
    Column("data", JSON(none_as_null=True)),
)


log = logging.getLogger(__name__)

Migrations = tuple[tuple[str, ...], ...]

#: element N has the statements from version N + 1 to N + 2; released ones never change
MIGRATIONS: Migrations = (
    (
        "ALTER TABLE drafts ADD COLUMN direct_topic BIGINT",
        "ALTER TABLE jobs ADD COLUMN direct_topic BIGINT",
    ),
    (
        "ALTER TABLE drafts ADD COLUMN page VARCHAR(16)",
        "ALTER TABLE drafts ADD COLUMN excerpt JSON",
    ),
    (
        "ALTER TABLE drafts ADD COLUMN form VARCHAR(16)",
        "ALTER TABLE drafts ADD COLUMN mattes VARCHAR(32)",
    ),
    ("ALTER TABLE people ADD COLUMN styles JSON",),
    (
        "ALTER TABLE drafts ADD COLUMN more_clips JSON",
        "ALTER TABLE jobs ADD COLUMN series VARCHAR(32)",
        "ALTER TABLE jobs ADD COLUMN number INTEGER",
        "ALTER TABLE jobs ADD COLUMN count INTEGER",
        "CREATE INDEX ix_jobs_series ON jobs (series)",
    ),
    ("ALTER TABLE drafts ADD COLUMN cover DOUBLE PRECISION",),
)
SCHEMA_VERSION = len(MIGRATIONS) + 1


class DatabaseUnusable(Exception):
    """The database cannot be used; the message is one line for operators."""


def migrate(connection: Connection, migrations: Migrations = MIGRATIONS) -> None:
    """Create missing tables, and migrate those of an older version.

    Args:
        connection: in a transaction, so that a migration happens completely or not at all.
        migrations: the statements from each version to the next.

    Raises:
        DatabaseUnusable: the tables are of a later version than this program.
    """
    latest = len(migrations) + 1
    version = _read_version(connection)
    if version is None:
        metadata.create_all(connection)
        connection.execute(schema_version.insert().values(only=1, version=latest))
        return
    if version > latest:
        raise DatabaseUnusable(
            f"the database is of a later version ({version}) than this program ({latest})"
        )
    for number, statements in enumerate(migrations[version - 1 :], version):
        log.info("migrating the database from version %s to %s", number, number + 1)
        for statement in statements:
            connection.execute(text(statement))
    metadata.create_all(connection)
    connection.execute(schema_version.update().values(version=latest))


def _read_version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(schema_version.name):
        return None
    version: int | None = connection.scalar(select(schema_version.c.version))
    return version
