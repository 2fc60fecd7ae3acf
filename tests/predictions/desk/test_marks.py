"""Ground truth in bulk at the desk: chosen annotations, and all of a project after a question."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, User
from predictions.db.counting.overview import MOST, overview_of
from predictions.desk.hub import page
from predictions.models import Annotation, Project, Task
from tests.conftest import Caller, desk_of, make_caller
from tests.predictions.desk.test_admin import fill

ANNOTATIONS = "/admin/predictions/annotation/"
PROJECTS = "/admin/predictions/project/"


@pytest.fixture
def desks(ada: Caller, rita: Caller, olga: Caller) -> dict[str, Client]:
    root = Client()
    root.force_login(User.objects.create_superuser("root@example.com", "pw"))
    mia = make_caller("mia@example.com", "lab", Membership.Role.MEMBER)
    staff = {"member": mia, "reader": rita, "stranger": olga}
    return {**{name: desk_of(caller) for name, caller in staff.items()}, "root": root}


@pytest.fixture
def made(ada: Caller, project: Project) -> list[int]:
    """Four annotations: plain, plain, cancelled, marked."""
    fill(project, ada, 4)
    ids = list(Annotation.objects.order_by("pk").values_list("pk", flat=True))
    Annotation.objects.filter(pk__in=ids[:3]).update(ground_truth=False)
    Annotation.objects.filter(pk=ids[2]).update(was_cancelled=True)
    return ids


def marked() -> list[int]:
    rows = Annotation.objects.filter(ground_truth=True).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def post(client: Client, path: str, action: str, rows: list[int], **more: str) -> Any:
    form: dict[str, Any] = {"action": action, "_selected_action": rows, **more}
    return client.post(path, form, follow=True)


def test_chosen_ones(desks: dict[str, Client], made: list[int]) -> None:
    answer = post(desks["member"], ANNOTATIONS, "mark", [made[0], made[2], made[3]])
    assert "2 annotations marked as ground truth." in answer.content.decode()
    assert marked() == [made[0], made[2], made[3]]
    answer = post(desks["member"], ANNOTATIONS, "unmark", [made[0], made[1]])
    assert "1 annotation unmarked." in answer.content.decode()
    assert marked() == [made[2], made[3]]
    by = Annotation.objects.get(pk=made[0]).updated_by
    assert by is not None
    assert by.email == "mia@example.com"


def test_the_list_of_ground_truth_has_what_predictions_are_measured_against(
    desks: dict[str, Client], made: list[int], project: Project
) -> None:
    Annotation.objects.filter(pk=made[2]).update(ground_truth=True)
    member = desks["member"]

    def listed(word: str) -> list[int]:
        answer: Any = member.get(f"{ANNOTATIONS}?project={project.pk}&ground_truth={word}")
        return sorted(row.pk for row in answer.context_data["cl"].result_list)

    assert (listed("yes"), listed("no")) == ([made[3]], made[:3])
    shown: Any = member.get(f"{PROJECTS}{project.pk}/")
    counts = {name: text for name, _, text, _ in shown.context_data["counts"]}
    assert counts["Ground truth"] == "1"


def test_a_count_of_the_last_annotations_says_so(
    desks: dict[str, Client], made: list[int], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = overview_of(project.pk)
    many = replace(found, annotations=MOST + 1, ground_truths=1)
    for overview, text in ((many, "at least 1"), (replace(many, ground_truths=0), "at least 0")):
        monkeypatch.setattr(page, "overview_of", lambda pk, shown=overview: shown)
        shown: Any = desks["member"].get(f"{PROJECTS}{project.pk}/")
        counts = {name: text for name, _, text, _ in shown.context_data["counts"]}
        assert counts["Ground truth"] == text


def test_all_of_a_project_after_a_question(
    desks: dict[str, Client], project: Project, made: list[int], ada: Caller, make_project: Any
) -> None:
    other = make_project(ada, title="Empty")
    chosen = [project.pk, other.pk]
    asked = post(desks["member"], PROJECTS, "mark_annotations", chosen)
    text = " ".join(asked.content.decode().split())
    assert f'?project={project.pk}">Cars</a>: 2 annotations will be marked, 1 is already.' in text
    assert f'?project={other.pk}">Empty</a>: 0 annotations will be marked, 0 are already.' in text
    assert marked() == [made[3]]

    answer = post(desks["member"], PROJECTS, "mark_annotations", chosen, post="yes")
    assert "2 annotations marked as ground truth." in answer.content.decode()
    assert marked() == [made[0], made[1], made[3]]


def test_who_may(
    desks: dict[str, Client], project: Project, made: list[int], olga: Caller, make_project: Any
) -> None:
    theirs = make_project(olga, title="Theirs")
    # A member elsewhere, who reads here.
    Membership.objects.create(
        user=User.objects.get(email="rita@example.com"),
        workspace=olga.workspace,
        role=Membership.Role.MEMBER,
    )
    for who in ("reader", "stranger"):
        post(desks[who], ANNOTATIONS, "mark", made)
        post(desks[who], PROJECTS, "mark_annotations", [project.pk, theirs.pk], post="yes")
        assert marked() == [made[3]]
    asked = desks["reader"].post(
        PROJECTS, {"action": "mark_annotations", "_selected_action": [project.pk]}
    )
    assert asked.status_code == 403
    post(desks["root"], PROJECTS, "mark_annotations", [project.pk], post="yes")
    assert marked() == [made[0], made[1], made[3]]


def test_statements(desks: dict[str, Client], project: Project, made: list[int]) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            post(desks["member"], PROJECTS, "mark_annotations", [project.pk])
        return len(captured)

    few = asked()
    task = Task.objects.first()
    Annotation.objects.bulk_create(
        Annotation(task=task, project=project, result=[]) for _ in range(50)
    )
    assert asked() == few
