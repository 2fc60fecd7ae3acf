"""A database spread over many nodes: how each table lies there, spreading it, looking at it."""
