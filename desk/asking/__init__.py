"""Pages that ask for what a request of the API asks for."""
