"""The bot as a process: start, end, crashes, load, memory, deployment."""
