"""Regions that are Label Studio's own already: what labelling config they were made with."""
