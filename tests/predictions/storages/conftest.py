"""A bucket, whose service this server may call, and what storages are made with."""

from collections.abc import Iterator
from typing import Any

import pytest

from predictions.models import Project
from tests.conftest import Caller, MakeProject

BUCKET = "cars"
KEYS = {"aws_access_key_id": "somebody", "aws_secret_access_key": "a secret of theirs"}


@pytest.fixture
def bucket(service: str, settings: Any) -> Iterator[Any]:
    """Empty."""
    boto3: Any = pytest.importorskip("boto3")
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    made = boto3.resource(
        "s3",
        endpoint_url=service,
        region_name="us-east-1",
        aws_access_key_id="owner",
        aws_secret_access_key="secret",
    ).Bucket(BUCKET)
    made.create()
    yield made
    made.objects.all().delete()
    made.delete()


@pytest.fixture
def project(ada: Caller, make_project: MakeProject) -> Project:
    return make_project(ada)


@pytest.fixture
def given(project: Project, service: str) -> dict[str, Any]:
    """What a request says of the bucket."""
    return {"project": project.pk, "bucket": BUCKET, "s3_endpoint": service, **KEYS}


def keys(bucket: Any) -> list[str]:
    return sorted(one.key for one in bucket.objects.all())


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
