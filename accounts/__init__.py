"""Who may see what: workspaces, their members, people, API keys and sessions. No pages."""
