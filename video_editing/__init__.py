"""A clip in, a finished video out: synchronous, no service, no Telegram."""
