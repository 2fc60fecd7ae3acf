"""Pages of import storages and of export storages."""
