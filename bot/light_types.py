"""aiogram's types, each built when it is first used.

As it is imported, aiogram builds validators for some 300 types, each with copies of those that it
mentions: 125 MB and two seconds, for types of which a bot meets a few dozen. Until they are needed
only the names that they refer to are kept.
"""

import sys
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

assert "aiogram" not in sys.modules, "aiogram was imported before its types could be made light"

_build = BaseModel.__dict__["model_rebuild"].__func__
_names: dict[str, Any] = {}  # what aiogram's annotations refer to


def _later(
    cls: type[BaseModel],
    *,
    force: bool = False,
    raise_errors: bool = True,
    _parent_namespace_depth: int = 2,
    _types_namespace: Mapping[str, Any] | None = None,
) -> bool | None:
    ours = cls.__module__.startswith("aiogram.")
    if ours and _types_namespace is not None:  # aiogram's own call, as it is imported
        _names.update(_types_namespace)
        return None
    built: bool | None = _build(
        cls,
        force=force,
        raise_errors=raise_errors,
        _parent_namespace_depth=_parent_namespace_depth + 1,
        _types_namespace=_names if ours else _types_namespace,
    )
    return built


BaseModel.model_rebuild = classmethod(_later)  # type: ignore[assignment, method-assign]
