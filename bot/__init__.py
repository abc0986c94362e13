"""The bot: Telegram in, Telegram out."""

from bot import light_types, modern_sqlite

__all__ = ["light_types", "modern_sqlite"]
