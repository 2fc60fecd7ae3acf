"""Label Studio's routes of the store: they parse the request, call, and respond."""
