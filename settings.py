"""Everything that the environment decides."""
