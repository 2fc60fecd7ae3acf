"""The panels of an evaluation, one module each: document, query, how it is built and read."""
