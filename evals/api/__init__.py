"""The evaluation client's routes: they parse the request, call, and respond."""
