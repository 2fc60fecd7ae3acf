"""Formats whose tasks are images with regions."""
