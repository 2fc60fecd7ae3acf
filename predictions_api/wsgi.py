"""The application object for a WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

from predictions_api.http.chunked import ChunkedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "predictions_api.settings")

application = ChunkedBodies(get_wsgi_application())
