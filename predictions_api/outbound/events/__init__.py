"""The outbox: what has happened, stored together with the change, for whoever listens."""
