"""What is measured beside precision and recall, a module for each sort of answer; pure."""
