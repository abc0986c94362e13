"""The backend on this machine: a child process."""
