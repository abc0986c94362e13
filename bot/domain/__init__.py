"""Values of the bot, without input or output."""
