"""Measurements side by side with plainer things: `python -m benchmarks`."""
