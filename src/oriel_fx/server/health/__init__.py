"""Whether the service is alive and ready, and its metrics."""
