"""Shotstack, a cloud renderer: its HTTP API, kept within its limits and never billed twice."""
