"""The protocol of model servers: what is sent to one, how it is sent, what its answer says."""
