"""DBOS without psycopg, which is loaded when somebody needs it: with SQLite nobody does.

It is 9 MB. DBOS imports it to know its errors; SQLAlchemy does where the database is a Postgres.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands for a module that is imported when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


_psycopg, _there = _Later("psycopg"), sys.modules.get("psycopg")
_psycopg.__path__ = []
_psycopg.__dict__["errors"] = _Later("psycopg.errors")
sys.modules["psycopg"] = _there or _psycopg
try:
    from dbos import DBOS, DBOSConfig, DBOSConfiguredInstance, SetWorkflowID
finally:
    if not _there:
        del sys.modules["psycopg"]

__all__ = ["DBOS", "DBOSConfig", "DBOSConfiguredInstance", "SetWorkflowID"]
