"""How requests are read and answered: parsing, fields, errors, pagination, OpenAPI."""
