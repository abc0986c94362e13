"""Backend on this machine: a child process."""
