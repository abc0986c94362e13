"""Tests of `backends.shotstack`."""
