"""What an evaluation sees of the store: the rows it counts, and what stands in them."""
