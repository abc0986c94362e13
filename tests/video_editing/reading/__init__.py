"""Tests of `video_editing.reading`."""
