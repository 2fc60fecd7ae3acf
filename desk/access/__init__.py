"""The desk's pages of who may do what: people, workspaces and their members, keys;
and what they did."""
