"""What Ctrl+K finds of the store."""
