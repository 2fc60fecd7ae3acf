"""Writes ground truth, or the predictions of one model version, as other tools' data sets.

What came in as such a file goes out equal: numbers are written in full, nothing is rounded. What a
format cannot hold is refused, naming the region.
"""
