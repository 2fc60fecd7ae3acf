"""`/tasks/ID/resolve/`: objects of buckets that tasks name."""

import base64
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from predictions.models import Project, Task
from predictions.pictures.addresses import shown_at
from tests.conftest import Caller, assert_refused, desk_of
from tests.predictions.api.test_local_files import OGG, body, picture
from tests.predictions.storages.conftest import make

PATH = "/api/storages/s3/"
KEY = "val/a ü.png"
ADDRESS = f"s3://cars/{KEY}"


@pytest.fixture
def task(ada: Caller, project: Project, make_task: Any, bucket: Any) -> Task:
    bucket.put_object(Key=KEY, Body=picture())
    bucket.put_object(Key="val/a.ogg", Body=OGG)
    bucket.put_object(Key="val/page.html", Body=b"<script>")
    bucket.put_object(Key="other/b.png", Body=picture())
    data = {
        "image": ADDRESS,
        "more": ["s3://cars/val/a.ogg", "s3://cars/val/page.html", "s3://cars/other/b.png"],
        "gone": "s3://cars/val/gone.png",
        "foreign": "s3://trucks/val/a.png",
    }
    return Task.objects.get(pk=make_task(ada, project, data=data))


def test_a_redirect_to_the_bucket(ada: Caller, task: Task, given: dict[str, Any]) -> None:
    make(ada, PATH, {**given, "prefix": "val", "presign_ttl": 2})
    path = shown_at(ADDRESS, task.pk)
    for name in ("resolve", "presign"):
        answer = ada.client.get(path.replace("resolve", name))
        assert (answer.status_code, answer.content) == (303, b"")
        assert answer["Cache-Control"] == "private, max-age=60"
        assert "X-Amz-Expires=120" in urlsplit(answer["Location"]).query
        assert httpx.get(answer["Location"]).content == picture()


def test_the_address_may_be_given_as_it_is(ada: Caller, task: Task, given: dict[str, Any]) -> None:
    make(ada, PATH, given)
    answer = ada.client.get(f"/tasks/{task.pk}/presign", {"fileuri": ADDRESS})
    assert answer.status_code == 303


def test_the_object_itself(ada: Caller, task: Task, given: dict[str, Any]) -> None:
    make(ada, PATH, {**given, "presign": False})
    path = shown_at(ADDRESS, task.pk)
    answer = ada.client.get(path)
    assert (answer.status_code, body(answer)) == (200, picture())
    assert answer["Content-Type"] == "image/png"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    again = ada.client.get(path, headers={"if-none-match": answer["ETag"]})
    assert (again.status_code, body(again)) == (304, b"")
    head = ada.client.head(path)
    assert (head.status_code, body(head)) == (200, b"")
    assert head["Content-Length"] == str(len(picture()))


def test_a_part_of_a_recording(
    ada: Caller, task: Task, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("predictions.api.storages.resolving.BLOCK", 16)
    make(ada, PATH, {**given, "presign": False})
    path = shown_at("s3://cars/val/a.ogg", task.pk)
    assert body(ada.client.get(path)) == OGG
    part = ada.client.get(path, headers={"range": "bytes=10-49"})
    assert (part.status_code, body(part)) == (206, OGG[10:50])
    assert part["Content-Range"] == f"bytes 10-49/{len(OGG)}"
    beyond = ada.client.get(path, headers={"range": "bytes=1000-"})
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{len(OGG)}")


def test_an_object_that_changes_while_it_is_sent_ends_the_answer(
    ada: Caller, task: Task, bucket: Any, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("predictions.api.storages.resolving.BLOCK", 16)
    make(ada, PATH, {**given, "presign": False})
    answer = ada.client.get(shown_at("s3://cars/val/a.ogg", task.pk))
    pieces = iter(answer)
    assert next(pieces) == OGG[:16]
    bucket.put_object(Key="val/a.ogg", Body=OGG[::-1])
    with pytest.raises(Exception, match="is another one meanwhile"):
        next(pieces)
    answer.close()


def test_what_is_not_found(
    ada: Caller, olga: Caller, rita: Caller, task: Task, given: dict[str, Any]
) -> None:
    make(ada, PATH, {**given, "prefix": "val", "presign": False})
    good = shown_at(ADDRESS, task.pk)
    assert body(ada.client.get(good)) == body(rita.client.get(good)) == picture()
    missing = [
        shown_at("s3://cars/val/unnamed.png", task.pk),
        shown_at("s3://cars/val/page.html", task.pk),
        shown_at("s3://cars/val/gone.png", task.pk),
        # Not below the prefix, and not of the bucket.
        shown_at("s3://cars/other/b.png", task.pk),
        shown_at("s3://trucks/val/a.png", task.pk),
        shown_at(ADDRESS, task.pk + 1000),
        shown_at(ADDRESS, 10**18 * 9),
        f"/tasks/{task.pk}/resolve/",
        f"/tasks/{task.pk}/resolve/?fileuri=%%%",
        f"/tasks/{task.pk}/resolve/?fileuri=" + base64.b64encode(b"http://a.example").decode(),
        f"/tasks/{task.pk}/resolve/?fileuri=" + base64.b64encode(b"s3://cars/a\0").decode(),
    ]
    for path in missing:
        assert_refused(ada.client.get(path), 404, "Not found.")
    assert_refused(olga.client.get(good), 404, "Not found.")
    stranger = olga.client.get(good, headers={"authorization": "Token " + "a1" * 20})
    assert_refused(stranger, 404, "Not found.")


def test_a_person_at_the_desk(ada: Caller, olga: Caller, task: Task, given: dict[str, Any]) -> None:
    make(ada, PATH, {**given, "presign": False})
    path = shown_at(ADDRESS, task.pk)
    assert body(desk_of(ada).get(path)) == picture()
    assert desk_of(olga).get(path).status_code == 404


def test_a_bucket_that_is_away(
    ada: Caller, task: Task, bucket: Any, given: dict[str, Any], settings: Any
) -> None:
    make(ada, PATH, {**given, "presign": False})
    settings.OUTBOUND_ALLOWED_HOSTS = []
    answer = ada.client.get(shown_at(ADDRESS, task.pk))
    assert answer.status_code == 503
    assert "is on a private network" in answer.json()["detail"]
