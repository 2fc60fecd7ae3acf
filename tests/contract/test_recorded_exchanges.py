"""The 275 exchanges recorded from Label Studio, sent again in order over a real connection.

Compared: status, content type, `Allow` and `WWW-Authenticate`, and the whole body with its types
and the order of its keys. Not compared are the values of ids (region ids are), times and `version`.
Where this service differs on purpose, INTENDED names the decision, and the answer given here is
compared with the one written there. Decisions are rows of section 0 of the contract, or of its
section 4 where that is said.
"""

import ast
import http.client
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.apps import apps
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from accounts import tokens
from accounts.models import User, Workspace
from tests.clustered import recorded_ids

EXCHANGES: dict[str, dict[str, Any]] = {
    exchange["name"]: exchange
    for exchange in map(
        json.loads,
        Path(__file__).with_name("label_studio_exchanges.jsonl").read_text().splitlines(),
    )
}
LIST_ALLOW = "GET, POST, HEAD, OPTIONS"
ITEM_ALLOW = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
CAR = {
    "id": "r1",
    "from_name": "label",
    "to_name": "image",
    "type": "rectanglelabels",
    "original_width": 600,
    "original_height": 400,
    "image_rotation": 0,
    "value": {
        "rotation": 0,
        "x": 10,
        "y": 20,
        "width": 30,
        "height": 40,
        "rectanglelabels": ["Car"],
    },
}


class AnyUuid:
    """Equal in kind to every UUID in text."""


def as_stored(value: Any) -> Any:
    """The value with its keys in the order of jsonb: by length, then by name."""
    if isinstance(value, list):
        return [as_stored(entry) for entry in value]
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return {key: as_stored(value[key]) for key in keys}
    return value


def prediction(**values: Any) -> dict[str, Any]:
    """A prediction of task 2 as it is answered, where nothing but `values` was sent."""
    return {
        "id": 0,
        "result": [],
        "model_version": "",
        "created_ago": "0\xa0minutes",
        "score": None,
        "cluster": None,
        "neighbors": None,
        "mislabeling": 0.0,
        "created_at": "2026-11-21T00:00:00.000000Z",
        "updated_at": "2026-11-21T00:00:00.000000Z",
        "model": None,
        "model_run": None,
        "task": 2,
        "project": 1,
        **values,
    }


def failure(status: int, detail: str, **more: Any) -> dict[str, Any]:
    """The error envelope."""
    return {
        "id": "",
        "status_code": status,
        "version": "",
        "detail": detail,
        "exc_info": None,
        **more,
    }


# What the recording could not hold: bytes that are no UTF-8, JSON that is a bare text or null, and
# texts that it cut.
SENT = {
    "create-body-string": b'"x"',
    "create-body-JSONNULL": b"null",
    "create-invalid-utf8": b'{"task": 1, "x": "\xff\xfe"}',
    "create-charset-latin1": b'{"task": 2, "result": [{"a": "\xe9"}]}',
    "create-model_version-long-100k": b'{"task": 2, "result": [], "model_version": "%b"}'
    % (b"x" * 100_000),
}
ANSWERED = {"create-model_version-long-100k": prediction(id=49, model_version="x" * 100_000)}

# Nothing of this was recorded. The last PATCH that Label Studio let through moved prediction 2 into
# the other organization, and every later one met a 404. Here the row stays, and one of those moves
# it to task 3, whose predictions are read afterwards: it has to go before that.
EXTRA_AFTER = {"patch-malformed": ("DELETE", "/api/predictions/2/")}


@dataclass(frozen=True)
class Intended:
    """What is answered here instead, by which decision."""

    decision: str
    status: int
    body: Any
    allow: str | None = LIST_ALLOW
    content_type: str = "application/json"


def refused(decision: str, allow: str = LIST_ALLOW, **errors: list[str]) -> Intended:
    body = failure(400, "Validation error", validation_errors=errors)
    return Intended(decision, 400, body, allow)


def unknown_pk(pk: int) -> list[str]:
    return [f'Invalid pk "{pk}" - object does not exist.']


def region(control: str, target: str, kind: str, **value: Any) -> dict[str, Any]:
    """As `create_regions` makes it."""
    return {
        "id": AnyUuid,
        "from_name": control,
        "to_name": target,
        "type": kind,
        "value": value,
    }


NUMBER = ["A valid number is required."]
CHOICE = ["Select a valid choice. That choice is not one of the available choices."]
NO_FIT = ["A result must be a list of regions; this value fits no control of the labelling config."]

NOT_FINITE = "a non-finite score, mislabeling or a NUL / lone surrogate is committed"
UNCONVERTIBLE = "an unconvertible `result` is stored as null with 201"
NULL_VERSION = "`model_version: null` on create: 400"
NULL_VERSION_4 = "section 4: model_version null refused: accept null as '' (compatible superset)"
FILTERS = "list: parameters beyond task/project ignored"
STRANGERS = "a stranger can tell which ids exist; foreign tokens can write across organizations"
ONE_OBJECT = "POST takes one object"
VALIDATION = "validation against the labelling config is an instance-wide flag"
MISMATCH = "project may disagree with the task"
MINIFIED = "minified results of a control"
HTML_404 = "missing slashless 404 is a 170 kB page"
# Both have a help text here, which says what is made of the value.
EXPLAINED = f"{MINIFIED}; {MISMATCH}"
TRUNCATED_PK = "section 4: task 1.5 truncated, unicode digits accepted in filters: refuse"

IMAGE_PROJECT = EXCHANGES["project-create"]["response"]["body"]
TEXT_PROJECT = EXCHANGES["project-create-choices"]["response"]["body"]
OTHER_PROJECT = EXCHANGES["project-create-other-org"]["response"]["body"]
BOTH_ROWS = EXCHANGES["list-after"]["response"]["body"]
# By then the first of them has got a score.
FIRST_ROW, SECOND_ROW = {**BOTH_ROWS[0], "score": 0.11}, BOTH_ROWS[1]
FULL = {"neighbors": [1], "cluster": 9, "mislabeling": 0.9, "result": as_stored([CAR]), "task": 1}


def explained(name: str, verb: str) -> dict[str, Any]:
    """Metadata as recorded, and the help text of the field that means less here."""
    document: dict[str, Any] = json.loads(json.dumps(EXCHANGES[name]["response"]["body"]))
    document["actions"][verb]["project"]["help_text"] = "Always the task's project."
    return document


INTENDED = {
    # Two keys more at the end: the setting, and the name that evaluation addresses use.
    "project-create": Intended(
        VALIDATION, 201, {**IMAGE_PROJECT, "slug": "probe-img", "validate_predictions": False}
    ),
    "project-create-choices": Intended(
        VALIDATION, 201, {**TEXT_PROJECT, "slug": "probe-txt", "validate_predictions": False}
    ),
    "project-create-other-org": Intended(
        VALIDATION, 201, {**OTHER_PROJECT, "slug": "other-org", "validate_predictions": False}
    ),
    # What is foreign is answered as what does not exist.
    "otherorg-list-filter-foreign-task": refused(STRANGERS, task=CHOICE),
    "otherorg-list-filter-foreign-project": refused(STRANGERS, project=CHOICE),
    "otherorg-CREATE-on-foreign-task": refused(STRANGERS, task=unknown_pk(1)),
    "otherorg-create-own-task-foreign-project": refused(STRANGERS, project=unknown_pk(1)),
    "list-filter-?task=9": refused(STRANGERS, task=CHOICE),
    "create-project-foreign-org": refused(STRANGERS, project=unknown_pk(3)),
    "patch-project-foreign-org": refused(STRANGERS, ITEM_ALLOW, project=unknown_pk(3)),
    # So prediction 2 stays where it was, and is answered as the same requests were before.
    "patch-project-back": Intended(STRANGERS, 200, prediction(**FULL), ITEM_ALLOW),
    "patch-readonly": Intended(STRANGERS, 200, prediction(**FULL), ITEM_ALLOW),
    "patch-unknown": Intended(STRANGERS, 200, prediction(**FULL), ITEM_ALLOW),
    "patch-task-other": Intended(STRANGERS, 200, prediction(**{**FULL, "task": 3}), ITEM_ALLOW),
    "patch-task-foreign-org": refused(STRANGERS, ITEM_ALLOW, task=unknown_pk(9)),
    "patch-task-null": refused(STRANGERS, ITEM_ALLOW, task=["This field may not be null."]),
    "patch-task-unknown": refused(STRANGERS, ITEM_ALLOW, task=unknown_pk(999999)),
    "patch-list-body": refused(
        STRANGERS,
        ITEM_ALLOW,
        non_field_errors=["Invalid data. Expected a dictionary, but got list."],
    ),
    "get-after-patches": Intended(STRANGERS, 200, prediction(**{**FULL, "task": 3}), ITEM_ALLOW),
    "get-after-patches-otherorg": Intended(
        STRANGERS, 404, failure(404, "No Prediction matches the given query."), ITEM_ALLOW
    ),
    "patch-malformed": Intended(
        STRANGERS,
        400,
        failure(
            400,
            "JSON parse error - Expecting property name enclosed in double quotes:"
            " line 1 column 2 (char 1)",
        ),
        ITEM_ALLOW,
    ),
    "list-OPTIONS": Intended(EXPLAINED, 200, explained("list-OPTIONS", "POST")),
    "detail-OPTIONS": Intended(EXPLAINED, 200, explained("detail-OPTIONS", "PUT"), ITEM_ALLOW),
    "create-project-mismatch": Intended(MISMATCH, 201, prediction(result=[CAR], project=1)),
    "patch-project-mismatch": Intended(MISMATCH, 200, prediction(**FULL, project=1), ITEM_ALLOW),
    # Filters that Label Studio ignores.
    "list-filter-?model_version=v1": Intended(FILTERS, 200, [SECOND_ROW]),
    "list-filter-?ordering=-id": Intended(FILTERS, 200, [SECOND_ROW, FIRST_ROW]),
    "list-filter-?limit=1": Intended(FILTERS, 200, [FIRST_ROW]),
    # Results that Label Studio turned into null.
    "create-result-dict-unmatched": refused(UNCONVERTIBLE, result=NO_FIT),
    "create-result-empty-dict": refused(UNCONVERTIBLE, result=NO_FIT),
    "create-result-json-string": refused(UNCONVERTIBLE, result=NO_FIT),
    "create-result-string-rect-project": refused(UNCONVERTIBLE, result=NO_FIT),
    "create-result-int": refused(UNCONVERTIBLE, result=NO_FIT),
    "create-result-int-choices": refused(UNCONVERTIBLE, result=NO_FIT),
    "create-result-bool": refused(UNCONVERTIBLE, result=NO_FIT),
    "create-result-empty-string": refused(UNCONVERTIBLE, result=NO_FIT),
    "patch-result-string": refused(UNCONVERTIBLE, ITEM_ALLOW, result=NO_FIT),
    "patch-result-dict-unmatched": refused(UNCONVERTIBLE, ITEM_ALLOW, result=NO_FIT),
    # Results that it made regions of: here they have an id as well, and every key of their kind.
    "create-result-dict-value-shape": Intended(
        MINIFIED,
        201,
        prediction(
            result=[
                region(
                    "label",
                    "image",
                    "rectanglelabels",
                    x=1.0,
                    y=2.0,
                    width=3.0,
                    height=4.0,
                    rotation=0,
                    rectanglelabels=["Car"],
                )
            ]
        ),
    ),
    "create-result-string-choices-project": Intended(
        MINIFIED,
        201,
        prediction(
            result=[region("sentiment", "text", "choices", choices=["pos"])], task=6, project=2
        ),
    ),
    "create-result-string-choices-unknown-label": Intended(
        MINIFIED,
        201,
        prediction(
            result=[region("sentiment", "text", "choices", choices=["zzz"])], task=6, project=2
        ),
    ),
    "create-result-dict-choices-project": Intended(
        MINIFIED,
        201,
        prediction(
            result=[region("sentiment", "text", "choices", choices=["pos"])], task=6, project=2
        ),
    ),
    # Values that broke the answer, and every later one around the row.
    "create-result-nul-char": refused(NOT_FINITE, result=["Null characters are not allowed."]),
    "create-result-lone-surrogate": refused(
        NOT_FINITE, result=["Surrogate characters are not allowed."]
    ),
    "create-score-overflow": refused(NOT_FINITE, score=NUMBER),
    "create-score-string-nan": refused(NOT_FINITE, score=NUMBER),
    "create-score-string-inf": refused(NOT_FINITE, score=NUMBER),
    "list-HEAD": Intended(NOT_FINITE, 200, ""),
    "create-model_version-null": Intended(NULL_VERSION, 201, prediction()),
    "patch-model_version-null": Intended(
        NULL_VERSION_4,
        200,
        prediction(result=as_stored([CAR]), cluster=3, neighbors=[2, 3], mislabeling=0.25, task=1),
        ITEM_ALLOW,
    ),
    "create-task-float": refused(
        TRUNCATED_PK, task=["Incorrect type. Expected pk value, received float."]
    ),
    "create-body-array-of-one": Intended(ONE_OBJECT, 201, [prediction()]),
    "create-body-empty-array": Intended(ONE_OBJECT, 201, []),
    "double-slash": Intended(HTML_404, 404, failure(404, "Not found."), allow=None),
}


@dataclass
class Answer:
    """What was answered here, and which of Label Studio's rows does not exist here."""

    status: int
    headers: http.client.HTTPMessage
    body: Any
    absent: frozenset[int]


@dataclass
class Replay:
    """One connection, the keys behind the recording's placeholders, and where rows ended up."""

    host: str
    port: int
    keys: dict[str, str]
    # Label Studio's prediction ids to ours; those of rows refused here have none.
    ids: dict[int, int] = field(default_factory=dict)
    absent: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(self.host, self.port, timeout=30)

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
        self.connection.request(method, path, body=body, headers=headers)
        response = self.connection.getresponse()
        content = response.read()
        is_json = response.headers.get("Content-Type") == "application/json"
        document = json.loads(content) if is_json and content else content.decode()
        return Answer(response.status, response.headers, document, frozenset(self.absent))

    def exchange(self, name: str) -> Answer:
        request = EXCHANGES[name]["request"]
        body, content_type = body_of(name)
        headers = {key: self.secret(name, value) for key, value in request["headers"].items()}
        if content_type is not None:
            headers["Content-Type"] = content_type
        answer = self.send(request["method"], self.path(request["path"]), headers, body)
        self.remember(name, answer)
        if name in EXTRA_AFTER:
            method, path = EXTRA_AFTER[name]
            admin = {"Authorization": f"Token {self.keys['admin']}"}
            assert self.send(method, path, admin, None).status == 204
        return answer

    def secret(self, name: str, value: str) -> str:
        if value == "<secret>":
            return "nope" if name.endswith("-wrong") else self.keys["admin"]
        value = value.replace("<redacted-token>", self.keys["admin"])
        return re.sub(r"<secret:(\w+)>", lambda match: self.keys[match[1]], value)

    def path(self, path: str) -> str:
        """The path with our id of the prediction that it names."""

        def ours(match: re.Match[str]) -> str:
            return match[1] + str(self.ids.get(int(match[2]), match[2]))

        return re.sub(r"(/api/predictions/)(\d{1,4})\b", ours, path)

    def remember(self, name: str, answer: Answer) -> None:
        request, recorded = EXCHANGES[name]["request"], EXCHANGES[name]["response"]
        is_create = request["method"] == "POST" and request["path"].startswith("/api/predictions")
        body = recorded_body(name)
        if not is_create or recorded["status"] != 201:
            return
        if answer.status == 201:
            self.ids[body["id"]] = answer.body["id"]
        else:
            self.absent.add(body["id"])


def body_of(name: str) -> tuple[bytes | None, str | None]:
    """The bytes that were sent, and their type where the recording does not tell it."""
    body = EXCHANGES[name]["request"]["body"]
    if name in SENT:
        return SENT[name], None
    if body is None:
        return None, None
    if isinstance(body, str):
        return body.encode(), None
    if isinstance(body, dict) and "__form__" in body:
        return urlencode(body["__form__"]).encode(), "application/x-www-form-urlencoded"
    if isinstance(body, dict) and "__multipart__" in body:
        return multipart(body["__multipart__"]), "multipart/form-data; boundary=frontier"
    return json.dumps(body).encode(), None


def multipart(fields: dict[str, str]) -> bytes:
    """Fields recorded as the text of a pair: a file's name, which is None, and the value."""
    parts = [
        f'--frontier\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        f"{ast.literal_eval(pair)[1]}\r\n"
        for name, pair in fields.items()
    ]
    return "".join([*parts, "--frontier--\r\n"]).encode()


def recorded_body(name: str) -> Any:
    """The body as recorded; of a list that the recording cut, the rows that are whole.

    Every such list was cut inside the row of an intruder, which is refused here, and had no row
    but such after it.
    """
    body = EXCHANGES[name]["response"]["body"]
    if not isinstance(body, dict) or "__truncated__" not in body:
        return body
    if name in ANSWERED:
        compact = json.dumps(ANSWERED[name], ensure_ascii=False, separators=(",", ":"))
        assert len(compact.encode()) == body["bytes"]
        return ANSWERED[name]
    if not body["head"].startswith("["):
        return body["head"]
    rows, rest, decoder = [], body["head"][1:], json.JSONDecoder()
    while rest:
        try:
            row, end = decoder.raw_decode(rest)
        except json.JSONDecodeError:
            assert rest.startswith('{"id": 4, ')
            break
        rows.append(row)
        rest = rest[end:].lstrip(", ")
    return rows


def expected_answer(name: str, absent: frozenset[int]) -> tuple[Intended, str | None]:
    """What Label Studio answered, less the rows refused here; and its WWW-Authenticate."""
    recorded = EXCHANGES[name]["response"]
    headers, body = recorded["headers"], recorded_body(name)
    if isinstance(body, list):
        body = [row for row in body if row["id"] not in absent]
    expected = Intended(
        "", recorded["status"], body, headers.get("Allow"), headers.get("Content-Type")
    )
    return expected, headers.get("WWW-Authenticate")


def differences(expected: Any, actual: Any, path: str = "") -> Iterator[str]:
    """Where two documents differ in keys, their order, types or values, one line each."""
    if expected is AnyUuid:
        if str(uuid.UUID(actual)) != actual:
            yield f"{path}: {actual!r} is no UUID"
    elif type(expected) is not type(actual):
        yield f"{path}: expected {expected!r:.200}, got {actual!r:.200}"
    elif isinstance(expected, dict):
        yield from key_differences(list(expected), list(actual), path)
        for key in expected.keys() & actual.keys():
            yield from differences(expected[key], actual[key], f"{path}.{key}")
    elif isinstance(expected, list):
        if len(expected) != len(actual):
            yield f"{path}: expected {len(expected)} entries, got {actual!r:.200}"
        for index, pair in enumerate(zip(expected, actual, strict=False)):
            yield from differences(*pair, f"{path}[{index}]")
    elif path.endswith(("_at", ".duration")):
        if isinstance(actual, str) and not MOMENT.fullmatch(actual):
            yield f"{path}: {actual!r} is no time"
    elif expected != actual and not is_order_of_events(path):
        yield f"{path}: expected {expected!r:.200}, got {actual!r:.200}"


#: Keys of ours beside the recorded ones: the tags of a task.
ADDED = frozenset({"tags"})


def key_differences(expected: list[str], actual: list[str], path: str) -> Iterator[str]:
    """Which keys are missing, too many or in another order."""
    if missing := [key for key in expected if key not in actual]:
        yield f"{path}: missing {missing}"
    if added := [key for key in actual if key not in expected and key not in ADDED]:
        yield f"{path}: not expected {added}"
    common = [key for key in expected if key in actual]
    if common != (order := [key for key in actual if key in expected]):
        yield f"{path}: expected the order {common}, got {order}"


def is_order_of_events(path: str) -> bool:
    """Whether the value depends on what happened before: ids, but not those of regions."""
    return path.endswith((".id", ".version", ".user_id")) and ".result[" not in path


def faults(expected: Intended, authenticate: str | None, answer: Answer) -> list[str]:
    """All in which an answer is not the expected one."""
    pairs = {
        "status": (expected.status, answer.status),
        "Content-Type": (expected.content_type, answer.headers.get("Content-Type")),
        "Allow": (expected.allow, answer.headers.get("Allow")),
        "WWW-Authenticate": (authenticate, answer.headers.get("WWW-Authenticate")),
    }
    found = [f"{n}: expected {e}, got {a}" for n, (e, a) in pairs.items() if e != a]
    return [*found, *differences(expected.body, answer.body, "body")]


def empty_tables() -> None:
    """Rows gone and ids from 1: the recording began on an empty database."""
    models = [*apps.get_app_config("accounts").get_models()]
    models += apps.get_app_config("predictions").get_models()
    names = ", ".join(model._meta.db_table for model in models)
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")


def make_keys() -> dict[str, str]:
    """The people of the recording: three of one organization, and one of each of two others."""
    people = {
        "admin": ("admin@example.com", "first"),
        "same": ("same@example.com", "first"),
        "other": ("other-org@example.com", "second"),
        "inactive": ("inactive@example.com", "first"),
        "nolegacy": ("nolegacy@example.com", "third"),
    }
    keys = {
        name: tokens.create(email=email, workspace_slug=place, create_workspace=True, role="owner")[
            1
        ]
        for name, (email, place) in people.items()
    }
    User.objects.filter(email="inactive@example.com").update(is_active=False)
    Workspace.objects.filter(slug="third").update(legacy_api_tokens_enabled=False)
    return keys


@pytest.fixture(scope="module")
def answers(
    django_db_setup: None, django_db_blocker: Any, unbuffered_sockets: None
) -> Iterator[dict[str, Answer]]:
    """All exchanges, replayed once. A server of its own: `live_server` would empty the tables
    after each test.
    """
    with django_db_blocker.unblock():
        empty_tables()
        server = LiveServer("127.0.0.1")
        address = urlsplit(server.url)
        replay = Replay(address.hostname or "", address.port or 0, make_keys())
        try:
            yield {name: replay.exchange(name) for name in EXCHANGES}
        finally:
            replay.connection.close()
            server.stop()
            empty_tables()


def test_nothing_of_the_recording_is_missing() -> None:
    assert len(EXCHANGES) == 275


@recorded_ids
@pytest.mark.django_db
@pytest.mark.parametrize("name", EXCHANGES)
def test_answers_as_recorded(answers: dict[str, Answer], name: str) -> None:
    answer = answers[name]
    expected, authenticate = expected_answer(name, answer.absent)
    expected = INTENDED.get(name, expected)
    found = faults(expected, authenticate, answer)
    assert not found, "\n".join(found)


@recorded_ids
@pytest.mark.django_db
@pytest.mark.parametrize("name", INTENDED)
def test_intends_no_difference_that_there_is_not(answers: dict[str, Answer], name: str) -> None:
    answer = answers[name]
    expected, authenticate = expected_answer(name, answer.absent)
    assert faults(expected, authenticate, answer)
