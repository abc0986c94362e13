"""Running the bot: logs, metrics, HTTP pages, alerts, the leader lock, the backends in use."""
