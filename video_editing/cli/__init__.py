"""The command line ``overlay``."""
