"""Backend behind HTTP: the client of the service."""
