"""The pages of ML backends and webhooks."""
