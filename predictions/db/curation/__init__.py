"""What people sort tasks with: reads and writes of tags and of saved views."""
