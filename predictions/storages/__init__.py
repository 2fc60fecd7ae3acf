"""What import storages and export storages share: how their synchronisation stands, the worker's
way through it, and their buckets.
"""
