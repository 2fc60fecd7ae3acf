"""The routes of prompts, runs and provider connections: they parse, call, respond."""
