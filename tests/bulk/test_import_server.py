"""Imports into a real server: bodies that break off, a killed server, tasks that go away, two at
once. What is there afterwards is all of an import or nothing of it.
"""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connection

from predictions import curate
from predictions.bodies import ENDED_EARLY
from predictions.models import Prediction, Project
from tests.bulk.conftest import Seed
from tests.conftest import Caller
from tests.house.serving import Server, running

LINES = "application/x-ndjson"
pytestmark = pytest.mark.django_db(transaction=True)
WITHIN_S = 60


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path, migrate=False, DATABASE_NAME=connection.settings_dict["NAME"]) as made:
        yield made


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
