"""SQL conditions for the filters of predictions and of tasks. No statements."""
