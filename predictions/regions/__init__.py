"""What a labelling config and the regions of a result mean. No Django."""
