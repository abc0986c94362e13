"""Tests of `video_editing.cli`."""
