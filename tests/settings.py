"""The service's settings for the test run: a database of its own, cheap passwords, quiet logs."""

import os
from pathlib import Path

os.environ.setdefault("DATA_DIR", str(Path(__file__).resolve().parent.parent / ".data" / "tests"))
os.environ.setdefault("SECRET_KEY", "a secret for tests only, which guards nothing at all")
os.environ.setdefault("LOG_LEVEL", "WARNING")

from predictions_api.postgres.settings import from_url
from predictions_api.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Another Postgres than the embedded one; a cluster's coordinator, with TEST_CLUSTER_NODES. Tests
# have a database of their own there, and tell it the processes that they start.
url = os.environ.get("TEST_DATABASE_URL")
if url and "PYTEST_CURRENT_TEST" not in os.environ:
    DATABASES["default"] = from_url(url)  # noqa: F405
# Nothing here need survive a crash of the machine.
DATABASES["default"]["OPTIONS"] = {"options": "-c synchronous_commit=off"}  # noqa: F405
# Every client of a test starts the service anew, and would look at each static file to do so.
WHITENOISE_AUTOREFRESH = True
