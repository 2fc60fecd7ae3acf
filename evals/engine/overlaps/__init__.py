"""Drawn shapes, and how far two of them overlap: boxes, turned or not, outlines and masks."""
