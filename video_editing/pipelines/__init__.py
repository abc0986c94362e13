"""Pipelines: one module for each command that makes a file."""
