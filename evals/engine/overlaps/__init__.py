"""How far two shapes overlap: boxes, turned or not, and masks."""
