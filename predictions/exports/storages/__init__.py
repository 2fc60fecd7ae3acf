"""Synchronises export storages: the annotations of a project become files of a folder or objects of
a bucket.
"""
