"""What the templates of the desk write numbers with."""
