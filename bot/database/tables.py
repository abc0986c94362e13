"""The tables; whatever is in them is words and numbers, never a file's content."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

#: one row: which form the tables have
schema_version = Table(
    "schema_version",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("user", BigInteger, primary_key=True, autoincrement=False),
    Column("language", String(8)),
    Column("look", JSON(none_as_null=True)),
)

drafts = Table(
    "drafts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("user", BigInteger, nullable=False, index=True),
    Column("chat", BigInteger, nullable=False),
    Column("message", BigInteger, nullable=False),
    Column("topic", BigInteger),
    Column("language", String(8), nullable=False),
    Column("clip", JSON(none_as_null=True)),
    Column("backgrounds", JSON, nullable=False),
    Column("look", JSON, nullable=False),
    Column("album", String(64)),
    Column("note", BigInteger),
    Column("card", BigInteger),
    Column("used", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    UniqueConstraint("chat", "album"),
)

#: messages that became drafts or parts of them; each does so once, however often it is delivered
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
)

measures = Table(
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

knobs = Table(
    "knobs",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", JSON, nullable=False),
)

conversations = Table(
    "conversations",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("state", Text),
    Column("data", JSON(none_as_null=True)),
)
