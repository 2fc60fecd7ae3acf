"""The application object for a WSGI server."""

import os

from django.core.signals import request_finished
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections

from predictions_api.http.chunked import ChunkedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "predictions_api.settings")

application = ChunkedBodies(get_wsgi_application())
# The next request of the thread does the same before it begins.
request_finished.disconnect(close_old_connections)
