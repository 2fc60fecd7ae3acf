"""Model evaluations: predictions of one model version compared with ground truth."""
