"""The bot: Telegram in, Telegram out."""

from bot import modern_sqlite

__all__ = ["modern_sqlite"]
