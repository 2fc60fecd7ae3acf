"""Reads a finished evaluation at one confidence and split, and compares two of them."""
