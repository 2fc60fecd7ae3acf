"""What the desk's pages (`/admin/`) of all rooms share, and the pages of people and keys."""
