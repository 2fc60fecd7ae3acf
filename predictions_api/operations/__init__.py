"""What an operator starts and sees: web and task workers, logs, health, metrics."""
