"""ML backends that the store asks, and webhooks that it tells."""
