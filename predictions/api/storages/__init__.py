"""The routes of import storages."""
