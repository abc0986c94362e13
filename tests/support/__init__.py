"""Support for all tests: clips, networks, and readers of results."""
