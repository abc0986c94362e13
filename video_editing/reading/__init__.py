"""Decode clips into upright frames of one format."""
