"""Makes deliveries of what was recorded, and sends them, in the worker."""
