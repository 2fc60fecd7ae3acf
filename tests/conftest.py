"""Three people and what they see: Ada owns a workspace that Rita may read; Olga is elsewhere."""

import gc
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client, TransactionTestCase
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker
from xdist.scheduler import LoadFileScheduling

from accounts import tokens
from accounts.models import ApiToken, Membership, User, Workspace
from predictions.db import projects, tasks
from predictions.models import Project
from predictions.regions.config import read_config
from tests import clustered, emptying
from tests.checking import CheckingClient

# The suite tries the same few examples every time, however long each takes; `make fuzz` looks for
# new ones.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


class BrowserTogether(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """The tests of a file stay in one process; those of a browser all, for they share it, and a
    desk that takes twenty seconds to start.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        folders = ("tests/browser/", "tests/javascript/")
        return next((folder for folder in folders if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """As `--dist loadfile` asks, with its one exception."""
    is_by_file = config.getvalue("dist") == "loadfile"
    return BrowserTogether(config, log) if is_by_file else None


def pytest_collection_finish() -> None:
    """Spares the garbage collector the tests found, which stay as long as the process, and seven
    of eight looks at the rest: they took an eighth of the time.
    """
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


IMAGE_CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="Car"/><Label value="Person"/></RectangleLabels></View>'
)
TEXT_CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="sentiment" toName="text">'
    '<Choice value="pos"/><Choice value="neg"/></Choices></View>'
)


def region(label: str = "Car", **value: float) -> dict[str, Any]:
    """A rectangle of the image config."""
    return {
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
            **value,
            "rectanglelabels": [label],
        },
    }


UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
# UTC, microseconds, Z: as Label Studio writes times.
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
INVALID = "Validation error"


def assert_refused(response: Any, status: int, detail: str, errors: Any = None) -> None:
    """The whole envelope, keys in order, with a new id in it."""
    body = response.json()
    expected = {
        "id": body.get("id"),
        "status_code": status,
        "version": "1.23.2",
        "detail": detail,
        "exc_info": None,
    }
    if errors is not None:
        expected["validation_errors"] = errors
    assert response.status_code == status, body
    assert list(body.items()) == list(expected.items())
    assert UUID.fullmatch(body["id"])
    assert response["Content-Type"] == "application/json"


def assert_invalid(response: Any, errors: Any) -> None:
    """A 400 with these validation errors."""
    assert_refused(response, 400, INVALID, errors)


class Like:
    """Equal to any text that the pattern matches whole."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and bool(self.pattern.fullmatch(other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Like({self.pattern.pattern!r})"


A_MOMENT = Like(MOMENT)
# The clock stands still within a test's transaction, so what shall be seen to move starts here.
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
JUST_NOW = "0\u00a0minutes"


@dataclass(frozen=True)
class Caller:
    """Somebody with a key, and a client that sends it."""

    user: User
    workspace: Workspace
    key: str
    token: ApiToken
    client: CheckingClient

    @property
    def access(self) -> tokens.Access:
        holder = tokens.holder_of_key(self.key)
        assert holder is not None
        return holder.access


def make_caller(
    email: str, workspace: str, role: str = Membership.Role.OWNER, **more: Any
) -> Caller:
    """Somebody with a new key: the rows that `tokens.create` makes, without its checks."""
    where = Workspace.objects.filter(slug=workspace).first()
    where = where or Workspace.objects.create(slug=workspace)
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    Membership.objects.bulk_create(
        [Membership(user=user, workspace=where, role=role)], ignore_conflicts=True
    )
    token, key = tokens.issue(user=user, workspace=where, **more)
    client = CheckingClient(HTTP_AUTHORIZATION=f"Token {key}")
    return Caller(token.user, token.workspace, key, token, client)


# Statements of a row of the audit trail: the row, and a savepoint where tests have a transaction.
RECORDED = 3


def make_refresh(caller: Caller) -> str:
    """A refresh token that the caller's key makes."""
    made = tokens.create_refresh(
        user_id=caller.user.pk, workspace_id=caller.workspace.pk, made_by_id=caller.token.pk
    )
    assert made is not None
    return made[1]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database, on a cluster spread over it, and at the end nobody else in it.

    A live server's thread keeps its connection as long as its client does, and a database that
    somebody is connected to cannot be dropped.
    """
    if clustered.NODES:
        with django_db_blocker.unblock():
            clustered.spread()
    with pytest.MonkeyPatch.context() as patch:
        if not clustered.NODES:
            patch.setattr(TransactionTestCase, "_fixture_teardown", emptying.empty)
        yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture
def django_assert_num_queries(django_assert_num_queries: Any) -> Any:
    """As it is; a cluster needs further statements for some requests, which nobody counts."""
    if clustered.NODES:
        pytest.skip("statements are counted on one node")
    return django_assert_num_queries


@pytest.fixture
def ada(db: None) -> Caller:
    """Owns the workspace `lab`."""
    return make_caller("ada@example.com", "lab")


@pytest.fixture
def rita(db: None) -> Caller:
    """Reads the workspace `lab`."""
    return make_caller("rita@example.com", "lab", Membership.Role.READER)


@pytest.fixture
def olga(db: None) -> Caller:
    """Owns the workspace `elsewhere`."""
    return make_caller("olga@example.com", "elsewhere")


MakeProject = Callable[..., Project]
MakeTask = Callable[..., int]


@pytest.fixture
def make_project() -> MakeProject:
    def make(caller: Caller, label_config: str = IMAGE_CONFIG, **values: Any) -> Project:
        from predictions.regions import labelling

        values = {"title": "Cars", "label_config": label_config, **values}
        parsed = labelling.parse(label_config)
        return projects.create_project(values, caller.access, parsed=parsed)

    return make


@pytest.fixture
def make_task() -> Callable[..., int]:
    def make(caller: Caller, project: Project, **values: Any) -> int:
        shown = [key.name for key in read_config(project.label_config).keys]
        data = dict.fromkeys(shown or ["image"], "http://x.y/1.jpg")
        values = {"project": project.pk, "data": data, **values}
        return int(tasks.create_task(values, caller.access)["id"])

    return make


@pytest.fixture
def project(ada: Caller, make_project: MakeProject) -> Project:
    """Ada's project of images."""
    return make_project(ada)


@pytest.fixture
def task(ada: Caller, project: Project, make_task: Callable[..., int]) -> int:
    """A task of Ada's project."""
    return make_task(ada, project)


@pytest.fixture
def make_prediction() -> Callable[..., dict[str, Any]]:
    """Posts a prediction; the document answered."""

    def make(caller: Caller, task: int, **values: Any) -> dict[str, Any]:
        body = {"task": task, "result": [region()], **values}
        response = caller.client.post("/api/predictions/", body, format="json")
        assert response.status_code == 201, response.content
        document: dict[str, Any] = response.json()
        return document

    return make


@pytest.fixture
def make_annotation() -> Callable[..., dict[str, Any]]:
    """Posts an annotation; the document answered."""

    def make(caller: Caller, task: int, **values: Any) -> dict[str, Any]:
        body = {"result": [region()], **values}
        response = caller.client.post(f"/api/tasks/{task}/annotations/", body, format="json")
        assert response.status_code == 201, response.content
        document: dict[str, Any] = response.json()
        return document

    return make


def _deactivated() -> CheckingClient:
    caller = make_caller("gone@example.com", "lab")
    User.objects.filter(pk=caller.user.pk).update(is_active=False)
    return caller.client


def _revoked() -> CheckingClient:
    caller = make_caller("ada@example.com", "lab")
    tokens.revoke(caller.token)
    return caller.client


def _left() -> CheckingClient:
    caller = make_caller("left@example.com", "lab")
    Membership.objects.filter(user=caller.user).delete()
    return caller.client


# Whoever may call, by what makes them special; all but `foreign` and `anonymous` know Ada's lab.
CALLERS: dict[str, Callable[[], CheckingClient]] = {
    "owner": lambda: make_caller("ada@example.com", "lab").client,
    "member": lambda: make_caller("mia@example.com", "lab", Membership.Role.MEMBER).client,
    "reader": lambda: make_caller("rita@example.com", "lab", Membership.Role.READER).client,
    "foreign": lambda: make_caller("olga@example.com", "elsewhere").client,
    "anonymous": CheckingClient,
    "key to read": lambda: (
        make_caller("ada@example.com", "lab", scopes=["predictions:read"]).client
    ),
    "key to write": lambda: (
        make_caller("ada@example.com", "lab", scopes=["predictions:write"]).client
    ),
    "key for evaluations": lambda: (
        make_caller("ada@example.com", "lab", scopes=["model-eval:read", "model-eval:write"]).client
    ),
    "key for all": lambda: make_caller("ada@example.com", "lab", scopes=["admin"]).client,
    "reader's key to write": lambda: (
        make_caller(
            "rita@example.com", "lab", Membership.Role.READER, scopes=["predictions:write"]
        ).client
    ),
    "revoked key": _revoked,
    "expired key": lambda: (
        make_caller(
            "ada@example.com", "lab", expires_at=datetime.now(UTC) - timedelta(seconds=1)
        ).client
    ),
    "live key": lambda: (
        make_caller(
            "ada@example.com", "lab", expires_at=datetime.now(UTC) + timedelta(hours=1)
        ).client
    ),
    "deactivated": _deactivated,
    "no longer a member": _left,
}


def who_may_read(success: int = 200, *, foreign: int = 404) -> Any:
    """The table of everybody's status on a route that reads, as a parametrisation."""
    return _table(success, foreign, {"key to write": 403, "reader's key to write": 403})


def who_may_write(success: int, *, foreign: int = 404) -> Any:
    """The same for a route that writes."""
    no = dict.fromkeys(("reader", "key to read", "reader's key to write"), 403)
    return _table(success, foreign, no)


def _table(success: int, foreign: int, special: dict[str, int]) -> Any:
    refused = ("anonymous", "revoked key", "expired key", "deactivated", "no longer a member")
    statuses = {
        **dict.fromkeys(CALLERS, success),
        **dict.fromkeys(refused, 401),
        "foreign": foreign,
        "key for evaluations": 403,
        **special,
    }
    return pytest.mark.parametrize(("who", "status"), statuses.items(), ids=str)


@pytest.fixture
def someone(db: None) -> Callable[[str], CheckingClient]:
    """The client of one of CALLERS."""
    return lambda who: CALLERS[who]()


def desk_of(caller: Caller, **rights: bool) -> Client:
    """The caller, staff, logged in to the desk."""
    User.objects.filter(pk=caller.user.pk).update(is_staff=True, **rights)
    client = Client()
    client.force_login(User.objects.get(pk=caller.user.pk))
    return client


@pytest.fixture
def mia(ada: Caller) -> Caller:
    """A member of Ada's workspace."""
    return make_caller("mia@example.com", "lab", Membership.Role.MEMBER)


@pytest.fixture
def desks(ada: Caller, mia: Caller, rita: Caller, olga: Caller) -> dict[str, Client]:
    """Everybody at their desks; root is a superuser of no workspace, anonymous is not logged in."""
    root = Client()
    root.force_login(User.objects.create_superuser("root@example.com", "pw"))
    staff = {"owner": ada, "member": mia, "reader": rita, "stranger": olga}
    return {
        **{name: desk_of(caller) for name, caller in staff.items()},
        "root": root,
        "anonymous": Client(),
    }
