"""Wrappers of a backend: fallback, retry, circuit breaker, throughput, parallel work."""
