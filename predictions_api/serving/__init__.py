"""The web server underneath: gunicorn with a worker that slow clients cannot hold up."""
