"""Settings of servers that tests start: with routes that fail on purpose."""

from tests.settings import *  # noqa: F403

ROOT_URLCONF = "tests.house.server_urls"
