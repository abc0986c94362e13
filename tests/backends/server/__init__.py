"""Tests of `backends.server`."""
