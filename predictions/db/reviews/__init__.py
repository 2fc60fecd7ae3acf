"""What people make of predictions: corrections, which are annotations, comments and reviews."""
