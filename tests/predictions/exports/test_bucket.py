"""Files of exports, and thumbnails, in a bucket: a service that speaks S3 runs beside the tests."""

import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.storage import storages
from django.core.management import call_command
from django.utils import timezone
from PIL import Image

from predictions.exports import state
from predictions.models import Project, ProjectExport
from predictions_api.files import FilesAway, reaching, storage
from tests.conftest import Caller, assert_refused
from tests.evals.conftest import load, tasks

# Of the group `dev`.
boto3: Any = pytest.importorskip("boto3")

BUCKET = "models"


@pytest.fixture
def bucket(service: str, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """An empty bucket, which the service keeps its files in."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    place = f"s3://{BUCKET}/team?endpoint_url={service}&region_name=us-east-1"
    kinds = {kind: storage(place, kind, data_dir=tmp_path) for kind in ("exports", "thumbnails")}
    settings.STORAGES = {**settings.STORAGES, **kinds}
    made = boto3.resource("s3", endpoint_url=service, region_name="us-east-1").Bucket(BUCKET)
    made.create()
    yield made
    made.objects.all().delete()
    made.delete()


def keys(bucket: Any) -> list[str]:
    return sorted(one.key for one in bucket.objects.all())


@pytest.mark.django_db(transaction=True)
def test_an_export_is_downloaded_from_the_bucket(
    ada: Caller, project: Project, bucket: Any
) -> None:
    load(ada, project, tasks())
    path = f"/api/projects/{project.pk}/export"
    plain = b"".join(ada.client.get(path))
    job = ada.client.get(path, {"background": "true"}).json()
    call_command("worker", once=True, verbosity=0)
    [found] = ProjectExport.objects.all()
    assert (found.status, found.error) == ("completed", "")
    assert keys(bucket) == [f"team/exports/{found.file_name}"]
    answer = ada.client.get(f"{job['url']}download")
    body = b"".join(answer)
    assert (answer.status_code, json.loads(body)) == (200, json.loads(plain))
    assert answer["Content-Length"] == str(len(body))
    assert ada.client.delete(job["url"]).status_code == 204
    assert keys(bucket) == []


@pytest.mark.django_db(transaction=True)
def test_old_files_are_removed_from_the_bucket(ada: Caller, project: Project, bucket: Any) -> None:
    kept = state.storage()
    kept.save("7.zip", io.BytesIO(b"of a deleted project"))
    assert state.purge() == 0
    with time_machine.travel(timezone.now() + timedelta(days=7, seconds=10)):
        removed = state.purge()
    assert (removed, keys(bucket)) == (1, [])


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_gone_is_not_found(ada: Caller, project: Project, bucket: Any) -> None:
    load(ada, project, tasks())
    job = ada.client.get(f"/api/projects/{project.pk}/export", {"background": "true"}).json()
    call_command("worker", once=True, verbosity=0)
    bucket.objects.all().delete()
    assert ada.client.get(f"{job['url']}download").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_bucket_that_is_away_ends_the_job_with_a_reason(
    ada: Caller, project: Project, service: str, settings: Any, tmp_path: Any, bucket: Any
) -> None:
    place = f"s3://nowhere?endpoint_url={service}&region_name=us-east-1"
    wrong = storage(place, "exports", data_dir=tmp_path)
    settings.STORAGES = {**settings.STORAGES, "exports": wrong}
    load(ada, project, tasks())
    job = ada.client.get(f"/api/projects/{project.pk}/export", {"background": "true"}).json()
    call_command("worker", once=True, verbosity=0)
    assert ada.client.get(job["url"]).json()["status"] == "failed"


# Nobody listens there.
AWAY = "s3://models?endpoint_url=http://127.0.0.1:9&region_name=us-east-1"


@contextmanager
def hanging_up() -> Iterator[tuple[str, list[int]]]:
    """A bucket whose service ends every connection unanswered, and how many there were."""
    asked: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            with suppress(OSError):
                while True:
                    with listener.accept()[0]:
                        asked.append(1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"s3://models?endpoint_url=http://127.0.0.1:{port}&region_name=us-east-1", asked
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_bucket_that_is_away_is_asked_twice_and_not_for_long(
    bucket: Any, settings: Any, tmp_path: Any
) -> None:
    with hanging_up() as (place, asked):
        settings.STORAGES = {
            **settings.STORAGES,
            "exports": storage(place, "exports", data_dir=tmp_path),
        }
        with pytest.raises(FilesAway), reaching():
            state.storage().delete("7.zip")
        assert len(asked) == 2
    kept: Any = state.storage()
    bounds = kept.connection.meta.client.meta.config
    assert (bounds.connect_timeout, bounds.read_timeout) == (2, 10)
    assert (bounds.s3, bounds.signature_version) == ({"addressing_style": None}, "s3v4")


@pytest.mark.django_db(transaction=True)
def test_a_bucket_that_is_away_is_waited_for(
    ada: Caller,
    project: Project,
    bucket: Any,
    settings: Any,
    tmp_path: Any,
) -> None:
    load(ada, project, tasks())
    job = ada.client.get(f"/api/projects/{project.pk}/export", {"background": "true"}).json()
    call_command("worker", once=True, verbosity=0)
    there = settings.STORAGES
    settings.STORAGES = {**there, "exports": storage(AWAY, "exports", data_dir=tmp_path)}
    away = "The files cannot be reached. Nothing was changed; try again."
    assert_refused(ada.client.get(f"{job['url']}download"), 503, away)
    assert_refused(ada.client.delete(job["url"]), 503, away)
    assert state.purge() == 0

    settings.STORAGES = there
    answer = ada.client.get(f"{job['url']}download")
    assert (answer.status_code, json.loads(b"".join(answer)) != []) == (200, True)
    answer.close()
    assert ada.client.delete(job["url"]).status_code == 204
    assert keys(bucket) == []


def test_a_thumbnail_is_kept_in_the_bucket(bucket: Any) -> None:
    from predictions.api import pictures

    body = io.BytesIO()
    Image.new("RGB", (4, 4)).save(body, "WEBP")
    assert pictures._kept("abc") is None
    pictures._keep("abc", body.getvalue())
    assert pictures._kept("abc") == body.getvalue()
    assert keys(bucket) == ["team/thumbnails/abc"]
    pictures._keep("none", b"")
    assert pictures._kept("none") == b""
    assert storages["thumbnails"].exists("none")


def test_a_bucket_that_is_away_is_passed_over_for_a_while(
    bucket: Any, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from predictions.api import pictures

    monkeypatch.setattr(pictures, "_bucket_away_until", 0.0)
    pictures._keep("abc", b"made")
    there = settings.STORAGES
    with hanging_up() as (place, asked):
        settings.STORAGES = {**there, "thumbnails": storage(place, "thumbnails", data_dir=tmp_path)}
        assert pictures._kept("abc") is None
        pictures._keep("def", b"made")
        assert pictures._kept("abc") is None
        assert len(asked) == 2

    settings.STORAGES = there
    assert pictures._kept("abc") is None
    monkeypatch.setattr(pictures, "_bucket_away_until", 0.0)
    assert pictures._kept("abc") == b"made"
    assert keys(bucket) == ["team/thumbnails/abc"]
