"""What is asked of a region beside its control's labels."""
