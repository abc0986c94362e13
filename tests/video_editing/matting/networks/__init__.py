"""Tests of `video_editing.matting`."""
