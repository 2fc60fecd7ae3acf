"""All SQL and all writes of ML backends and webhooks."""
