"""The backend behind HTTP: the client of the service."""
