"""What evaluations add to a project's page."""
