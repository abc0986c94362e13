"""Tests of `backends.rendering`."""
