"""Mattes: where the person is in each frame."""
