"""The desk's pages of evaluations, and the data their panels load."""
