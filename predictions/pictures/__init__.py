"""Reads pictures and recordings below registered folders, and makes thumbnails; knows no Django."""
