"""`/api/storages/s3/`: buckets whose objects become tasks."""

import json
from typing import Any

import pytest

from predictions.db.storages import rows
from predictions.imports.folders import run, sources
from predictions.imports.folders.state import IMPORTS
from predictions.models import ImportStorage, Project, Task
from predictions.storages import buckets, worker
from predictions_api.jobs.leases import Holder
from predictions_api.outbound import vault
from tests.conftest import A_MOMENT, Caller, assert_invalid, assert_refused
from tests.predictions.storages.conftest import KEYS, make, synced

PATH = "/api/storages/s3/"


def shown(project: Project) -> list[str]:
    """What the project's tasks show."""
    found = Task.objects.filter(project=project).order_by("id")
    return [data["image"] for data in found.values_list("data", flat=True)]


def sync(ada: Caller, storage: dict[str, Any]) -> dict[str, Any]:
    return synced(ada, PATH, storage, run)


def test_the_life_of_a_storage(
    ada: Caller, project: Project, bucket: Any, given: dict[str, Any]
) -> None:
    bucket.put_object(Key="val/a.png", Body=b"x")
    made = make(ada, PATH, {**given, "title": "Cars", "aws_session_token": "for a while"})
    assert made == {
        "id": made["id"],
        "type": "s3",
        "synchronizable": True,
        "title": "Cars",
        "description": None,
        "created_at": A_MOMENT,
        "last_sync": None,
        "last_sync_count": None,
        "last_sync_job": None,
        "status": "initialized",
        "traceback": None,
        "meta": {},
        "bucket": "cars",
        "prefix": None,
        "region_name": None,
        "s3_endpoint": given["s3_endpoint"],
        "aws_sse_kms_key_id": None,
        "presign": True,
        "presign_ttl": 1,
        "regex_filter": None,
        "use_blob_urls": False,
        "recursive_scan": False,
        "project": project.pk,
    }
    one = f"{PATH}{made['id']}"
    assert ada.client.get(one).json() == made
    assert ada.client.get(PATH, {"project": project.pk}).json() == [made]
    assert ada.client.get("/api/storages/localfiles/", {"project": project.pk}).json() == []
    assert ada.client.get("/api/storages/", {"project": project.pk}).json() == [made]
    assert ada.client.get(f"/api/storages/localfiles/{made['id']}").status_code == 404
    changed = ada.client.patch(one, {"prefix": "val", "presign_ttl": 5}, format="json")
    assert changed.json() == {**made, "prefix": "val", "presign_ttl": 5}
    assert ada.client.delete(one).status_code == 204
    assert ada.client.get(PATH, {"project": project.pk}).json() == []


def test_keys_are_encrypted_kept_and_never_answered(
    ada: Caller, bucket: Any, given: dict[str, Any]
) -> None:
    made = make(ada, PATH, {**given, "aws_session_token": "for a while"})
    stored = ImportStorage.objects.get()
    held = {**KEYS, "aws_session_token": "for a while"}
    assert vault.unseal(stored.sealed_keys) == held
    assert not any(key in json.dumps(made) + stored.sealed_keys for key in held.values())
    one = f"{PATH}{made['id']}"
    ada.client.patch(one, {"title": "Trucks"}, format="json")
    body = {name: value for name, value in given.items() if name not in KEYS}
    assert ada.client.put(one, body, format="json").status_code == 200
    stored.refresh_from_db()
    assert vault.unseal(stored.sealed_keys) == held
    other = {"aws_access_key_id": "another", "aws_secret_access_key": "other"}
    ada.client.patch(one, other, format="json")
    stored.refresh_from_db()
    assert vault.unseal(stored.sealed_keys) == other
    half = ada.client.patch(one, {"aws_access_key_id": "x"}, format="json")
    both = "Access Key ID and Secret Access Key must be provided together."
    assert_invalid(half, {"aws_secret_access_key": [both]})
    none = dict.fromkeys(other, None)
    assert ada.client.patch(one, none, format="json").status_code == 200
    stored.refresh_from_db()
    assert stored.sealed_keys == ""


def test_objects_become_tasks_once(
    ada: Caller, project: Project, bucket: Any, given: dict[str, Any]
) -> None:
    for key in ("val/a.png", "val/b ü.jpg", "val/deep/c.png", "other/d.png", "valley.png"):
        bucket.put_object(Key=key, Body=b"x")
    bucket.put_object(Key="val/deep/", Body=b"")
    storage = make(ada, PATH, {**given, "prefix": "val", "use_blob_urls": True})
    done = sync(ada, storage)
    assert (done["status"], done["last_sync_count"], done["traceback"]) == ("completed", 2, None)
    assert done["last_sync"] == A_MOMENT
    assert shown(project) == ["s3://cars/val/a.png", "s3://cars/val/b ü.jpg"]

    ada.client.patch(f"{PATH}{storage['id']}", {"recursive_scan": True}, format="json")
    assert sync(ada, storage)["last_sync_count"] == 1
    assert shown(project)[2:] == ["s3://cars/val/deep/c.png"]
    assert sync(ada, storage)["last_sync_count"] == 0
    # A task that is deleted comes again.
    Task.objects.filter(project=project).order_by("id")[0].delete()
    assert sync(ada, storage)["last_sync_count"] == 1


def test_more_objects_than_one_list_holds(
    ada: Caller,
    project: Project,
    bucket: Any,
    given: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Read by the service, which has a thread here.
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    for n in range(31):
        bucket.put_object(Key=f"{n}.png", Body=b"x")
    storage = make(ada, PATH, {**given, "use_blob_urls": True, "regex_filter": r"\d*[05]\.png$"})
    assert sync(ada, storage)["last_sync_count"] == 7
    assert len(set(shown(project))) == 7


def test_json_objects_hold_tasks(
    ada: Caller,
    project: Project,
    bucket: Any,
    given: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "MOST_BYTES", 100)
    bodies = {
        "1.json": json.dumps([{"data": {"image": "1.jpg"}}, {"image": "2.jpg"}]),
        "2.json": json.dumps({"data": {"image": "3.jpg"}}),
        "3-broken.json": "{",
        "4-empty.json": "",
        "5-large.json": json.dumps({"data": {"image": "x" * 100}}),
        "6-other.json": '{"text": "no picture"}',
        "7.png": "no JSON, and not asked for",
        **{f"more/{n}.json": json.dumps({"image": f"{n}.jpg"}) for n in range(10)},
    }
    for key, body in bodies.items():
        bucket.put_object(Key=key, Body=body.encode())
    storage = make(ada, PATH, {**given, "recursive_scan": True})
    done = sync(ada, storage)
    assert (done["status"], done["last_sync_count"]) == ("completed_with_errors", 13)
    broken, empty, large, other = done["traceback"].splitlines()
    assert broken == "3-broken.json: It is no JSON."
    assert empty.startswith("4-empty.json: ")
    assert large == f"5-large.json: {sources.TOO_LARGE}"
    assert other.startswith("6-other.json: ")
    assert shown(project) == ["1.jpg", "2.jpg", "3.jpg", *(f"{n}.jpg" for n in range(10))]
    assert sync(ada, storage)["last_sync_count"] == 0


def test_what_is_refused(
    ada: Caller, olga: Caller, rita: Caller, project: Project, bucket: Any, given: dict[str, Any]
) -> None:
    endpoint = given["s3_endpoint"]
    refused: list[tuple[dict[str, Any], Any]] = [
        ({"bucket": ""}, {"bucket": ["This field may not be blank."]}),
        ({"bucket": "a/b"}, {"bucket": ["This value does not match the required pattern."]}),
        ({"bucket": "nowhere"}, {"non_field_errors": ["Cannot find bucket nowhere in S3"]}),
        ({"prefix": "none"}, {"non_field_errors": ["s3://cars/none not found."]}),
        (
            {"region_name": "a.example#"},
            {"region_name": ["This value does not match the required pattern."]},
        ),
        (
            {"s3_endpoint": f"{endpoint}/?a=b"},
            {"s3_endpoint": ["An endpoint has neither a query nor a fragment."]},
        ),
        (
            {"aws_secret_access_key": ""},
            {
                "aws_secret_access_key": [
                    "Access Key ID and Secret Access Key must be provided together."
                ]
            },
        ),
        ({"presign_ttl": 0}, {"presign_ttl": ["Ensure this value is greater than or equal to 1."]}),
        ({"project": 999999}, {"project": ['Invalid pk "999999" - object does not exist.']}),
    ]
    for change, errors in refused:
        for path in (PATH, f"{PATH}validate"):
            assert_invalid(ada.client.post(path, {**given, **change}, format="json"), errors)
    nobody = ada.client.post(PATH, {**given, "s3_endpoint": "http://127.0.0.1:9"}, format="json")
    said = nobody.json()["validation_errors"]["non_field_errors"][0]
    assert nobody.status_code == 400
    assert said.startswith("The service of bucket cars does not answer: ")
    assert not ImportStorage.objects.exists()

    valid = ada.client.post(f"{PATH}validate", given, format="json")
    assert (valid.status_code, valid.content) == (200, b"")
    made = make(ada, PATH, given)
    known = ada.client.post(f"{PATH}validate", {"id": made["id"], **given}, format="json")
    assert known.status_code == 200
    for who, status in ((olga, 404), (rita, 403)):
        for verb, path in (("patch", ""), ("delete", ""), ("post", "/sync")):
            answer = getattr(who.client, verb)(f"{PATH}{made['id']}{path}", {}, format="json")
            assert answer.status_code == status, (verb, answer.content)
    unknown = "No Project matches the given query."
    assert_refused(olga.client.get(PATH, {"project": project.pk}), 404, unknown)
    assert_refused(
        olga.client.get(f"{PATH}{made['id']}"), 404, "No S3ImportStorage matches the given query."
    )
    assert rita.client.get(f"{PATH}{made['id']}").json() == made


@pytest.mark.parametrize(
    "endpoint",
    ["http://127.0.0.1:1", "http://169.254.169.254", "http://localhost:1", "ftp://a.example"],
)
def test_private_addresses_are_not_called(
    ada: Caller, bucket: Any, given: dict[str, Any], settings: Any, endpoint: str
) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = []
    answer = ada.client.post(PATH, {**given, "s3_endpoint": endpoint}, format="json")
    assert answer.status_code == 403
    assert not ImportStorage.objects.exists()


def test_a_worker_calls_no_private_address(
    ada: Caller, bucket: Any, given: dict[str, Any], settings: Any
) -> None:
    storage = make(ada, PATH, given)
    settings.OUTBOUND_ALLOWED_HOSTS = []
    failed = sync(ada, storage)
    assert failed["status"] == "failed"
    assert "is on a private network" in failed["traceback"]


def test_a_bucket_that_goes_away(
    ada: Caller, project: Project, bucket: Any, given: dict[str, Any]
) -> None:
    storage = make(ada, PATH, {**given, "use_blob_urls": True})
    bucket.delete()
    failed = sync(ada, storage)
    told = "Cannot find bucket cars in S3"
    assert (failed["status"], failed["traceback"]) == ("failed", told)
    bucket.create()
    bucket.put_object(Key="a.png", Body=b"x")
    assert sync(ada, storage)["status"] == "completed"
    assert shown(project) == ["s3://cars/a.png"]


def test_keys_of_another_server_are_asked_for_again(
    ada: Caller, bucket: Any, given: dict[str, Any], settings: Any
) -> None:
    storage = make(ada, PATH, given)
    settings.ENCRYPTION_KEYS = ["another"]
    failed = sync(ada, storage)
    assert failed["status"] == "failed"
    assert failed["traceback"].startswith("The storage's keys cannot be read")


def test_without_the_library_it_is_said(
    ada: Caller, given: dict[str, Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    monkeypatch.setitem(__import__("sys").modules, "predictions_api.outbound.buckets.bucket", None)
    answer = ada.client.post(PATH, given, format="json")
    assert_invalid(answer, {"non_field_errors": [buckets.NOT_INSTALLED]})


def test_a_killed_worker_costs_its_lease(
    ada: Caller, project: Project, bucket: Any, given: dict[str, Any]
) -> None:
    bucket.put_object(Key="a.png", Body=b"x")
    storage = make(ada, PATH, {**given, "use_blob_urls": True})
    ada.client.post(f"{PATH}{storage['id']}/sync")
    assert IMPORTS.claim(storage["id"], Holder(60)) is not None
    run.run(storage["id"])
    assert shown(project) == []
    ImportStorage.objects.update(lease_until="2020-01-01T00:00:00Z", last_sync_count=3)
    run.run(storage["id"])
    assert shown(project) == ["s3://cars/a.png"]
    # What the first worker made counts, too.
    assert ada.client.get(f"{PATH}{storage['id']}").json()["last_sync_count"] == 4


def test_bounds(
    ada: Caller,
    project: Project,
    bucket: Any,
    given: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for n in range(3):
        bucket.put_object(Key=f"{n}.png", Body=b"x")
    storage = make(ada, PATH, {**given, "use_blob_urls": True})
    monkeypatch.setattr(run, "AT_ONCE", 1)
    with monkeypatch.context() as patch:
        patch.setattr(run, "MOST_FILES", 2)
        failed = sync(ada, storage)
        assert (failed["status"], failed["last_sync_count"]) == ("failed", 2)
        assert failed["traceback"] == run.TOO_MANY
    with monkeypatch.context() as patch:
        patch.setattr(worker, "MOST_S", 0)
        late = sync(ada, storage)
        assert (late["status"], late["traceback"]) == ("failed", worker.TOO_LONG)
    assert sync(ada, storage)["last_sync_count"] == 1
    assert len(shown(project)) == 3


def test_objects_that_cannot_be_reached_end_it(
    ada: Caller, bucket: Any, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's objects can be listed and not be read: here they are gone when they are read."""
    for n in range(5):
        bucket.put_object(Key=f"{n}.json", Body=b"")
    storage = make(ada, PATH, given)
    monkeypatch.setattr(worker, "MOST_UNREACHED", 3)
    failed = sync(ada, storage)
    assert failed["status"] == "failed"
    *files, last = failed["traceback"].splitlines()
    assert [line.partition(":")[0] for line in files] == ["0.json", "1.json"]
    assert last.startswith("3 files in a row could not be reached: ")


def test_storages_are_found_by_kind(ada: Caller, bucket: Any, given: dict[str, Any]) -> None:
    make(ada, PATH, given)
    newest = make(ada, PATH, given)
    assert rows.of_buckets(given["project"])[0].pk == newest["id"]
