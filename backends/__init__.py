"""Backends make the mattes of clips; renderers make results."""
