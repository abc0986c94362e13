"""Find the person in each frame."""
