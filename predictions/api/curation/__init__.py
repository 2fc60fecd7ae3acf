"""Routes of what people sort tasks with: tags and saved views."""
