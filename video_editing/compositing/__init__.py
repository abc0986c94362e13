"""Compositing: the person over a background."""
