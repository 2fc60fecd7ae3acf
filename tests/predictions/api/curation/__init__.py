"""Tests of the routes of tags and saved views."""
