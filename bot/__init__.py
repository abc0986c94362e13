"""The bot: Telegram in, Telegram out."""
