"""The application object for a WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

from predictions_api.chunked import readable

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "predictions_api.settings")

application = readable(get_wsgi_application())
