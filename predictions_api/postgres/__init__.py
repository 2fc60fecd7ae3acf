"""Django's database engine: prepared statements, COPY, and an embedded server for newcomers.

`base` is the backend that Django loads, `embedded` finds or starts the embedded server, `keeper` is
the process that owns it.
"""
