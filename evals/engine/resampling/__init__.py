"""Draws images anew: how sure the numbers of an evaluation are, and a difference of two."""
