"""The routes of webhooks and their deliveries."""
