"""Tests of `bot.database`."""
