"""Tests of `video_editing`."""
