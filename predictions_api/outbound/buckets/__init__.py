"""Buckets of services that speak S3, at addresses and with keys that users gave us."""
