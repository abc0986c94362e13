"""Neural networks: their weights, and how each is run."""
