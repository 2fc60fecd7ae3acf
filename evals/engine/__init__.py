"""The arithmetic of an evaluation: arrays and values in, arrays and values out. No Django."""
