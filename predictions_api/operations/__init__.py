"""What an operator starts and sees: task workers, logs, health, metrics."""
