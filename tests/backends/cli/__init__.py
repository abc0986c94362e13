"""Tests of `backends.cli`."""
