"""The border to Telegram: calls, files, limits."""
