"""Shows the documentation: the OpenAPI document with its pages, and the Markdown pages of docs/."""
