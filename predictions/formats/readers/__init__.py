"""One module for each format: a file becomes a `Content`."""
