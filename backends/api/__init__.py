"""The routes of ML backends and of their jobs."""
