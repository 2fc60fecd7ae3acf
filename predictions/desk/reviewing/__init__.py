"""A task's page: the thing itself with all that was said about it, corrected and discussed."""
