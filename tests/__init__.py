"""Tests, in folders that follow those of the code."""
