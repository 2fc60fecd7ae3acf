"""Tests of the grid of tasks."""
