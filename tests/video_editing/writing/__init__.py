"""Tests of `video_editing.writing`."""
