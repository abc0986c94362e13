"""Renderers: what makes the finished video."""
