"""Plain values of the bot, without input or output."""
