"""All SQL of evaluations: their rows, images, panels and stored blocks."""
