"""The desk's pages of prompts and runs."""
