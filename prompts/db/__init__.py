"""All SQL of prompts: versions, subsets of tasks, examples, measures."""
