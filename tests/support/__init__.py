"""What all tests share: clips, networks, and readers of results."""
