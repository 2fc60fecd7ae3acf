"""Input that no store can keep: a 4xx in the envelope, nothing stored, the next request fine."""

import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings

from predictions.apps import LARGER_FILES
from predictions.models import Annotation, IdempotentRequest, Prediction, Project, Task
from tests.conftest import Caller, MakeProject, MakeTask, assert_refused

JSON = "application/json"
DEEP = "JSON parse error - nested deeper than 512 levels"
NULS = "Null characters are not allowed."
SURROGATES = "Surrogate characters are not allowed"


class Place:
    """Where a value may stand in a body, and the rows that must not appear."""

    def __init__(self, method: str, path: str, body: str) -> None:
        self.method, self.path, self.body = method, path, body

    def __repr__(self) -> str:
        return f"{self.method} {self.path} {self.body}"


# `@` is the value, as JSON text.
PLACES = [
    Place("POST", "predictions/", '{"task": %(task)d, "result": [{"a": [@]}]}'),
    Place("POST", "predictions/", '{"task": %(task)d, "result": [], "neighbors": {"a": @}}'),
    Place("POST", "predictions/", '[{"task": %(task)d, "result": [{"a": @}]}]'),
    Place("PATCH", "predictions/%(prediction)d/", '{"result": [{"a": @}]}'),
    Place("PATCH", "predictions/%(prediction)d/", '{"neighbors": [@]}'),
    Place("POST", "tasks/", '{"project": %(project)d, "data": {"image": "a.jpg", "a": @}}'),
    Place(
        "POST", "tasks/", '{"project": %(project)d, "data": {"image": "a.jpg"}, "meta": {"a": [@]}}'
    ),
    Place("PATCH", "tasks/%(task)d/", '{"data": {"a": @}}'),
    Place("POST", "tasks/%(task)d/annotations/", '{"result": [{"a": @}]}'),
    Place("PATCH", "annotations/%(annotation)d/", '{"result": [{"a": @}]}'),
    Place(
        "POST",
        "projects/%(project)d/import/predictions",
        '[{"task": %(task)d, "result": [{"a": @}]}]',
    ),
    Place("POST", "projects/%(project)d/import", '[{"data": {"image": "a.jpg", "a": @}}]'),
    Place(
        "POST", "projects/%(project)d/import", '[{"data": {"image": "a.jpg"}, "meta": {"a": @}}]'
    ),
    Place(
        "POST",
        "projects/%(project)d/import",
        '[{"data": {"image": "a.jpg"}, "predictions": [{"result": [{"a": @}]}]}]',
    ),
    Place(
        "POST",
        "projects/%(project)d/import",
        '[{"data": {"image": "a.jpg"}, "annotations": [{"result": [{"a": @}]}]}]',
    ),
    Place("POST", "projects/", '{"control_weights": {"a": @}}'),
]
TEXT_PLACES = [
    Place("POST", "predictions/", '{"task": %(task)d, "result": [], "model_version": @}'),
    Place("PATCH", "predictions/%(prediction)d/", '{"model_version": @}'),
    Place("POST", "predictions/", '{"task": %(task)d, "result": [{@: 1}]}'),
    Place(
        "POST",
        "projects/%(project)d/import/predictions",
        '[{"task": %(task)d, "result": [], "model_version": @}]',
    ),
    Place(
        "POST",
        "projects/%(project)d/import",
        '[{"data": {"image": "a.jpg"}, "predictions": [{"result": [], "model_version": @}]}]',
    ),
    Place("POST", "projects/%(project)d/import", '[{"image": "a.jpg", @: 1}]'),
    Place("POST", "projects/", '{"title": @}'),
    Place("POST", "projects/", '{"description": @}'),
    Place("POST", "projects/", '{"sampling": @}'),
    Place("POST", "projects/", '{"label_config": @}'),
    Place("PATCH", "projects/%(project)d/", '{"model_version": @}'),
    Place("DELETE", "projects/%(project)d/model-versions/", '{"model_version": @}'),
]
NUMBER_PLACES = [
    Place("POST", "predictions/", '{"task": %(task)d, "result": [], "score": @}'),
    Place("POST", "predictions/", '{"task": %(task)d, "result": [], "mislabeling": @}'),
    Place("POST", "predictions/", '{"task": %(task)d, "result": [], "cluster": @}'),
    Place("POST", "predictions/", '{"task": @, "result": []}'),
    Place("PATCH", "predictions/%(prediction)d/", '{"score": @}'),
    Place("PATCH", "annotations/%(annotation)d/", '{"lead_time": @}'),
    Place("PATCH", "tasks/%(task)d/", '{"overlap": @}'),
    Place(
        "POST",
        "projects/%(project)d/import/predictions",
        '[{"task": %(task)d, "result": [], "score": @}]',
    ),
    Place(
        "POST",
        "projects/%(project)d/import",
        '[{"data": {"image": "a.jpg"}, "annotations": [{"result": [], "lead_time": @}]}]',
    ),
]


@pytest.fixture
def ids(
    project: Project,
    task: int,
    ada: Caller,
    make_prediction: Callable[..., Any],
    make_annotation: Callable[..., Any],
) -> dict[str, int]:
    return {
        "project": project.pk,
        "task": task,
        "prediction": make_prediction(ada, task)["id"],
        "annotation": make_annotation(ada, task)["id"],
    }


def send_raw(caller: Caller, method: str, path: str, body: bytes, **headers: Any) -> Any:
    """Sends bytes as they are, which the client's annotation does not foresee."""
    client: Any = caller.client
    return client.generic(method, path, body, **{"content_type": JSON, **headers})


def rows() -> str:
    """All there is."""
    models = (Project, Task, Prediction, Annotation, IdempotentRequest)
    return repr([list(model.objects.order_by("pk").values()) for model in models])


def assert_harmless(
    caller: Caller, method: str, path: str, body: bytes, *, content_type: str = JSON
) -> Any:
    """A 4xx in the envelope that stored nothing, and a good request after it; the error's body."""
    before = rows()
    response = send_raw(caller, method, f"/api/{path}", body, content_type=content_type)
    answer = response.json()
    assert 400 <= response.status_code < 500, answer
    detail, errors = answer["detail"], answer.get("validation_errors")
    assert_refused(response, response.status_code, detail, errors)
    assert rows() == before
    assert caller.client.get("/api/predictions/").status_code == 200
    return answer


def sent_to(place: Place, ids: dict[str, int], value: str) -> tuple[str, str, bytes]:
    body = (place.body % ids).replace("@", value)
    return place.method, place.path % ids, body.encode()


VALUES = [
    ("NaN", "Out of range float values are not JSON compliant: 'NaN'"),
    ("-Infinity", "Out of range float values are not JSON compliant: '-Infinity'"),
    ("1e400", ""),
    ('"a\\u0000b"', NULS),
    ('{"\\u0000": 1}', NULS),
    ('"\\ud800"', SURROGATES),
    ('{"\\udc00": 1}', SURROGATES),
    ("[" * 512 + "]" * 512, "ested deeper than 512 levels"),
    ("[" * 2000 + "]" * 2000, DEEP),
    ('{"a":' * 100_000 + "1" + "}" * 100_000, DEEP),
    ("1" * 5000, "Exceeds the limit"),
]


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_values_that_cannot_be_kept(ada: Caller, ids: dict[str, int], place: Place) -> None:
    for value, said in VALUES:
        answer = assert_harmless(ada, *sent_to(place, ids, value))
        assert said in json.dumps(answer), value[:40]


@pytest.mark.parametrize("place", TEXT_PLACES, ids=repr)
def test_texts_that_cannot_be_kept(ada: Caller, ids: dict[str, int], place: Place) -> None:
    is_a_choice = "sampling" in place.body
    for value, said in (('"a\\u0000"', NULS), ('"\\ud800b"', SURROGATES)):
        answer = assert_harmless(ada, *sent_to(place, ids, value))
        assert ("is not a valid choice" if is_a_choice else said) in json.dumps(answer), value


@pytest.mark.parametrize("place", NUMBER_PLACES, ids=repr)
def test_numbers_that_cannot_be_kept(ada: Caller, ids: dict[str, int], place: Place) -> None:
    for value in ("NaN", "1e400", "-1e400", '"nan"', '"-inf"', "1" + "0" * 400, "1" * 5000):
        assert_harmless(ada, *sent_to(place, ids, value))


@pytest.mark.parametrize("place", [PLACES[n] for n in (0, 5, 8, 10, 11)], ids=repr)
def test_more_keys_than_are_read(ada: Caller, ids: dict[str, int], place: Place) -> None:
    keys = "{" + ",".join(f'"k{n}":1' for n in range(200_000)) + "}"

    answer = assert_harmless(ada, *sent_to(place, ids, keys))

    assert "more than 100,000 keys" in json.dumps(answer)


def test_deep_json_in_a_form(ada: Caller, task: int) -> None:
    for depth in (514, 2000, 100_000):
        result = "[" * depth + "]" * depth
        answer = assert_harmless(
            ada,
            "POST",
            "predictions/",
            f'task={task}&result=[{{"a":{result}}}]'.encode(),
            content_type="application/x-www-form-urlencoded",
        )
        assert answer["validation_errors"] == {"result": ["Nested deeper than 512 levels."]}


MALFORMED = [
    (
        b"{",
        "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    ),
    (
        b'{"task": 1, }',
        "Expecting property name enclosed in double quotes: line 1 column 13 (char 12)",
    ),
    (b'{"task": 1} x', "Extra data: line 1 column 13 (char 12)"),
    (b"[1,", "Expecting value: line 1 column 4 (char 3)"),
    (b'{"task" 1}', "Expecting ':' delimiter: line 1 column 9 (char 8)"),
    (b'{"a": "b', "Unterminated string starting at: line 1 column 7 (char 6)"),
    (b'{"a": "\n"}', "Invalid control character at: line 1 column 8 (char 7)"),
    (b'{"a": NaN}', "Out of range float values are not JSON compliant: 'NaN'"),
    (
        b'{"a": "\xff"}',
        "'utf-8' codec can't decode byte 0xff in position 7: invalid start byte",
    ),
    (
        b"\xef\xbb\xbf{}",
        "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)",
    ),
    (b"\x00", "Expecting value: line 1 column 1 (char 0)"),
]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "predictions/"),
        ("PATCH", "predictions/%(prediction)d/"),
        ("POST", "projects/%(project)d/import/predictions"),
        ("POST", "projects/%(project)d/import"),
        ("POST", "tasks/%(task)d/annotations/"),
    ],
)
def test_malformed_json(ada: Caller, ids: dict[str, int], method: str, path: str) -> None:
    for body, detail in MALFORMED:
        answer = assert_harmless(ada, method, path % ids, body)
        expected = (400, f"JSON parse error - {detail}")
        assert (answer["status_code"], answer["detail"]) == expected
        assert "validation_errors" not in answer


@pytest.mark.parametrize(
    ("content_type", "quoted"),
    [
        ("text/plain", "text/plain"),
        ("", ""),
        ("application/xml", "application/xml"),
        ("application/vnd.api+json", "application/vnd.api+json"),
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("nonsense", "nonsense"),
    ],
)
def test_content_types_that_are_not_read(
    ada: Caller, ids: dict[str, int], content_type: str, quoted: str
) -> None:
    answer = assert_harmless(ada, "POST", "predictions/", b"{}", content_type=content_type)

    assert answer["status_code"] == 415
    assert answer["detail"] == f'Unsupported media type "{quoted}" in request.'


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "latin-1", "utf-16", "nonsense", '"utf-8"'])
def test_any_charset_is_answered(ada: Caller, task: int, charset: str) -> None:
    encoding = charset.strip('"') if charset != "nonsense" else "utf-8"
    body = json.dumps({"task": task, "result": [{"é": "ü"}]}, ensure_ascii=False).encode(encoding)

    response = send_raw(
        ada, "POST", "/api/predictions/", body, content_type=f"{JSON}; charset={charset}"
    )

    assert response.status_code == 201, response.content
    assert response.json()["result"] == [{"é": "ü"}]


@pytest.mark.parametrize(
    ("content_type", "body", "detail"),
    [
        (
            "multipart/form-data",
            b"xx",
            "Multipart form parse error - Invalid boundary in multipart: None",
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 1001 + b"--b--\r\n",
            "The number of GET/POST parameters exceeded settings.DATA_UPLOAD_MAX_NUMBER_FIELDS.",
        ),
        (
            "application/x-www-form-urlencoded",
            b"&".join(b"a=1" for _ in range(1001)),
            "The number of GET/POST parameters exceeded settings.DATA_UPLOAD_MAX_NUMBER_FIELDS.",
        ),
    ],
    ids=["no boundary", "many parts", "many fields"],
)
def test_malformed_forms(ada: Caller, content_type: str, body: bytes, detail: str) -> None:
    answer = assert_harmless(ada, "POST", "predictions/", body, content_type=content_type)

    assert (answer["status_code"], answer["detail"]) == (400, detail)


@pytest.mark.parametrize(
    ("method", "path", "hint"),
    [
        ("POST", "predictions/", ""),
        ("PUT", "predictions/%(prediction)d/", ""),
        ("POST", "projects/%(project)d/import", LARGER_FILES),
        ("POST", "load", LARGER_FILES),
        ("POST", "token/refresh/", ""),
    ],
)
def test_a_body_over_the_limit(
    ada: Caller, ids: dict[str, int], settings: LazySettings, method: str, path: str, hint: str
) -> None:
    settings.MAX_BODY_BYTES = 1000
    fits = b" " * 998 + b"{}"
    path %= ids

    answer = assert_harmless(ada, method, path, fits + b" ")

    assert answer["status_code"] == 413
    assert answer["detail"] == f"The request body is over 1,000 bytes. {hint}".strip()
    response = send_raw(ada, method, f"/api/{path}", fits)
    assert response.status_code in {201, 400, 415}


@pytest.mark.parametrize("length", ["-1", "abc", "\xb2", "9" * 5000, "1.5"])
def test_a_content_length_that_is_none(ada: Caller, length: str) -> None:
    response = send_raw(ada, "POST", "/api/predictions/", b"{}", CONTENT_LENGTH=length)

    assert 400 <= response.status_code < 500


@pytest.mark.django_db(transaction=True)
def test_a_body_that_ends_too_early(
    ada: Caller, make_project: MakeProject, make_task: MakeTask, live_server: Any
) -> None:
    task = make_task(ada, make_project(ada))
    body = json.dumps({"task": task, "result": []}).encode()
    address = urlsplit(live_server.url)
    head = (
        f"POST /api/predictions/ HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Authorization: Token {ada.key}\r\nContent-Type: {JSON}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()

    def send(part: bytes) -> bytes:
        with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
            connection.sendall(head + part)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    for cut in (0, 1, len(body) // 2, len(body) - 1):
        answer = send(body[:cut])
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert not Prediction.objects.exists()
    assert send(body).startswith(b"HTTP/1.1 201 ")
    assert Prediction.objects.count() == 1


def test_huge_integers_are_kept_exactly(ada: Caller, project: Project, task: int) -> None:
    numbers = [2**53 + 1, 2**63, 2**64, -(2**64) - 1, 10**300, 123456789012345678901234567890]
    result = [{"n": numbers, "f": [0.1, 1.0, -2.5e-10]}]

    posted = ada.client.post(
        "/api/predictions/", {"task": task, "result": result}, format="json"
    ).json()["id"]
    (imported,) = ada.client.post(
        f"/api/projects/{project.pk}/import/predictions",
        [{"task": task, "result": result}],
        format="json",
    ).json()["prediction_ids"]

    for pk in (posted, imported):
        read = json.loads(ada.client.get(f"/api/predictions/{pk}/").content)
        assert read["result"] == result
    listed = ada.client.get("/api/predictions/").content.decode()
    assert all(listed.count(str(number)) >= 2 for number in numbers)
