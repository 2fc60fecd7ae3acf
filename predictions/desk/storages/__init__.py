"""Pages of import storages: folders whose files become tasks."""
