"""What background work of every room shares: leases, heartbeats, retries, the queue, sweeps."""
