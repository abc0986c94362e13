"""Tests of `video_editing.contract`."""
