"""Place the person over a background."""
