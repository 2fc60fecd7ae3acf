"""Reads and writes of webhooks, of what they listen to, and of their deliveries."""
