"""Label Studio's routes of ML backends and webhooks, and ours beside them."""
