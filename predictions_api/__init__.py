"""Wiring that every room may use: settings, routes, HTTP, Postgres, outbound calls."""
