"""A bucket, whose service this server may call, and what storages are made with."""

from collections.abc import Iterator
from typing import Any

import pytest

from predictions.models import Project
from tests.conftest import Caller, MakeProject
from tests.s3 import emptied

BUCKET = "cars"
KEYS = {"aws_access_key_id": "somebody", "aws_secret_access_key": "a secret of theirs"}


@pytest.fixture
def bucket(service: str, settings: Any) -> Iterator[Any]:
    """Empty."""
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    with emptied(service, BUCKET) as made:
        yield made


@pytest.fixture
def project(ada: Caller, make_project: MakeProject) -> Project:
    return make_project(ada)


@pytest.fixture
def given(project: Project, service: str) -> dict[str, Any]:
    """What a request says of the bucket."""
    return {"project": project.pk, "bucket": BUCKET, "s3_endpoint": service, **KEYS}


def numbers_first(name: str) -> tuple[str, int, str]:
    """Sorts 9 before 10, and both before words, in each folder."""
    folder, _, last = name.rpartition("/")
    return (folder, int(last), "") if last.isdecimal() else (folder, 1 << 63, last)


def keys(bucket: Any) -> list[str]:
    return sorted((one.key for one in bucket.objects.all()), key=numbers_first)


def make(caller: Caller, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A storage that was created."""
    made = caller.client.post(path, body, format="json")
    assert made.status_code == 201, made.content
    document: dict[str, Any] = made.json()
    return document


def synced(caller: Caller, path: str, storage: dict[str, Any], run: Any) -> dict[str, Any]:
    """Asks for a synchronisation and does it as a worker would; the storage then."""
    asked = caller.client.post(f"{path}{storage['id']}/sync")
    assert (asked.status_code, asked.json()["status"]) == (200, "queued")
    run.run(storage["id"])
    document: dict[str, Any] = caller.client.get(f"{path}{storage['id']}").json()
    return document
