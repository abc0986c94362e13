"""Tests of `video_editing.compositing`."""
