"""Results read as columns: all regions of a chunk together."""
