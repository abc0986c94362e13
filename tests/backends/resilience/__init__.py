"""Tests of `backends.resilience`."""
