"""The JSON documents that the evaluation client reads, in its camelCase. No Django."""
