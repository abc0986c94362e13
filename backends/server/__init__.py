"""The HTTP service: one application for Modal and for any machine with a GPU."""
