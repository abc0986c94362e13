"""The bot: Telegram in, Telegram out.

DBOS needs SQLite 3.42. Where Python's own is older (Debian 12 has 3.40), pysqlite3 replaces it
before any other module imports it.
"""

import sqlite3
import sys

MIN_SQLITE_VERSION = (3, 42)

if sqlite3.sqlite_version_info < MIN_SQLITE_VERSION:
    import pysqlite3

    sys.modules["sqlite3"] = pysqlite3
    sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2
