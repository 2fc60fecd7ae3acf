"""The grid of a project's tasks: what is asked for, what a card shows, what is done with many."""
