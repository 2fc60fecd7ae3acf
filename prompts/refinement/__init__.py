"""Asks a teacher model for a better prompt, as a job."""
