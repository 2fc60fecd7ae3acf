"""The pages of ML backends and their jobs."""
