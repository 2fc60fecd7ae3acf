"""Routes of what people say about predictions."""
