"""A project's page: what it has, how its versions fare, what runs, and what is missing."""
