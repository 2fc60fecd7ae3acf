"""The desk's pages of the store: lists, filters, review of predictions on their image."""
