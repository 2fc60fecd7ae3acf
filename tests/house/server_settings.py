"""The tests' settings for a server in a process of its own, with routes that fail on purpose."""

from tests.settings import *  # noqa: F403

ROOT_URLCONF = "tests.house.server_urls"
