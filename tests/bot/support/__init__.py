"""Bots, a fake Telegram and users for the tests of `bot`."""
