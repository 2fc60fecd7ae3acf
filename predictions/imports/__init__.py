"""Reads tasks and predictions from request bodies and files, and checks them."""
