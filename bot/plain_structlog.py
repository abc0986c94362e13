"""structlog without rich: 4 MB of colours, for which a log that machines read has no use."""

import sys
from typing import Any

_modules: dict[str, Any] = sys.modules
_rich = {"rich": _modules["rich"]} if "rich" in _modules else {}
_modules["rich"] = None  # as if it were not installed
try:
    import structlog
    from structlog.typing import Processor
finally:
    del _modules["rich"]
    _modules |= _rich

__all__ = ["Processor", "structlog"]
