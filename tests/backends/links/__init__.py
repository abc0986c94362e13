"""Tests of `backends.links`."""
