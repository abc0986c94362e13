"""Encode frames into files."""
