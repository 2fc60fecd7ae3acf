"""What rows that are spread over a cluster take: their slot, and statements that name it."""
