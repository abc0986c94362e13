"""Whole conversations between users and a bot process."""
