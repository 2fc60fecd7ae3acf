"""What is left of an evaluation once its images are counted: totals, panels, embeddings."""
