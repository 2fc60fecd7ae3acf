"""Three people and what they see: Ada owns a workspace that Rita may read; Olga is elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import ApiToken, Membership, User, Workspace
from predictions import curate
from predictions.models import Project
from tests.checking import CheckingClient

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


@dataclass(frozen=True)
class Caller:
    """Somebody with a key, and a client that sends it."""

    user: User
    workspace: Workspace
    key: str
    token: ApiToken
    client: APIClient

    @property
    def access(self) -> tokens.Access:
        holder = tokens.holder_of_key(self.key)
        assert holder is not None
        return holder.access


def make_caller(
    email: str, workspace: str, role: str = Membership.Role.OWNER, **more: Any
) -> Caller:
    token, key = tokens.create(email=email, workspace_slug=workspace, role=role, **more)
    client = CheckingClient(HTTP_AUTHORIZATION=f"Token {key}")
    return Caller(token.user, token.workspace, key, token, client)


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


@pytest.fixture
def make_project() -> MakeProject:
    def make(caller: Caller, label_config: str = IMAGE_CONFIG, **values: Any) -> Project:
        from predictions import labelling

        values = {"title": "Cars", "label_config": label_config, **values}
        parsed = labelling.parse(label_config)
        return curate.create_project(values, caller.access, parsed=parsed)

    return make


@pytest.fixture
def make_task() -> Callable[..., int]:
    def make(caller: Caller, project: Project, **values: Any) -> int:
        values = {"project": project.pk, "data": {"image": "http://x.y/1.jpg"}, **values}
        return int(curate.create_task(values, caller.access)["id"])

    return make


@pytest.fixture
def project(ada: Caller, make_project: MakeProject) -> Project:
    """Ada's project of images."""
    return make_project(ada)


@pytest.fixture
def task(ada: Caller, project: Project, make_task: Callable[..., int]) -> int:
    """A task of Ada's project."""
    return make_task(ada, project)
