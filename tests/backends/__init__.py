"""ML backends and webhooks."""
