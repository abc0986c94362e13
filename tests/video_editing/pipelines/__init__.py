"""Tests of `video_editing.pipelines`."""
