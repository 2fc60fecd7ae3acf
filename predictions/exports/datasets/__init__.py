"""Writes ground truth, or what one model version said, as other tools' data sets.

What came in as such a file goes out equal: numbers are written in full, nothing is rounded. What a
format cannot hold is refused, naming the region.
"""
