"""Starts an evaluation at the desk, and says what to do where that, or computing it, fails."""
