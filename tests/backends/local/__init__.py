"""Tests of `backends.local`."""
