"""What is matched one to one beside upright boxes and masks: how far two of a kind overlap."""
