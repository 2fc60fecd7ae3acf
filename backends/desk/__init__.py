"""The pages of ML backends, their jobs, and webhooks."""
