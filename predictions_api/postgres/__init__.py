"""The database engine without a DATABASE_URL: an embedded Postgres server.

`base` is the backend Django loads, `embedded` finds or starts the server, `keeper` is the process
that owns it.
"""
