"""Tests of `backends.remote`."""
