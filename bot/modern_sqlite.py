"""An SQLite that is new enough for durable jobs, where Python's own is older.

Debian 12 has 3.40; jobs need 3.42.
"""

import sqlite3
import sys

NEEDED = (3, 42)

if sqlite3.sqlite_version_info < NEEDED:
    import pysqlite3

    sys.modules["sqlite3"] = pysqlite3
    sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2
