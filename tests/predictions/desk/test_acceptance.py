"""Accepting a prediction as ground truth at the desk: asked about, without scores, taken back."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, User
from predictions.imports import tasks
from predictions.models import Annotation, Prediction, Project, Task
from tests.conftest import Caller, desk_of, make_caller, region
from tests.predictions.desk.test_review import data_of, page_of

SAID = [
    {**region("Car"), "id": "p1", "score": 0.9},
    {**region("Person", x=55), "id": "p2", "score": 0.4},
]
TRUE = [region("Car"), {**region("Person", x=50), "id": "t2"}]
ACCEPTED = [{name: v for name, v in one.items() if name != "score"} for one in SAID]


@pytest.fixture
def desks(ada: Caller, rita: Caller, olga: Caller) -> dict[str, Client]:
    root = Client()
    root.force_login(User.objects.create_superuser("root@example.com", "pw"))
    mia = make_caller("mia@example.com", "lab", Membership.Role.MEMBER)
    staff = {"member": mia, "reader": rita, "stranger": olga}
    return {
        **{name: desk_of(caller) for name, caller in staff.items()},
        "root": root,
        "anonymous": Client(),
    }


def predicted(caller: Caller, project: Project, *truths: Any) -> int:
    """The prediction of a new task with these annotations, marked as ground truth."""
    item = {
        "data": {"image": "http://x.y/0.jpg"},
        "predictions": [{"result": SAID, "score": 0.5, "model_version": "v1"}],
        "annotations": [{"result": result, "ground_truth": True} for result in truths],
    }
    (task,) = tasks.store(project, [item], caller.access)["task_ids"]
    return Prediction.objects.get(task=task).pk


def rows() -> list[Any]:
    return list(Annotation.objects.order_by("pk").values())


def text_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_without_ground_truth_it_is_stored_at_once(
    desks: dict[str, Client], ada: Caller, project: Project
) -> None:
    pk = predicted(ada, project)
    answer = desks["member"].post(page_of(pk, "accept") + "?min=0.5")

    assert (answer.status_code, answer["Location"]) == (302, page_of(pk) + "?min=0.5")
    (made,) = Annotation.objects.all()
    assert (made.result, made.ground_truth, made.parent_prediction_id) == (ACCEPTED, True, pk)
    assert made.completed_by == User.objects.get(email="mia@example.com")
    assert Prediction.objects.get(pk=pk).result == SAID
    # Once.
    for path in ("accept", "accept/ask"):
        send = desks["member"].post if path == "accept" else desks["member"].get
        assert send(page_of(pk, path))["Location"] == page_of(pk)
    assert Annotation.objects.get() == made


def test_with_ground_truth_it_asks_and_shows_the_difference(
    desks: dict[str, Client], ada: Caller, project: Project
) -> None:
    pk = predicted(ada, project, TRUE)
    before = rows()
    answer = desks["member"].post(page_of(pk, "accept") + "?min=0.5")
    ask = page_of(pk, "accept/ask") + "?min=0.5"
    assert (answer.status_code, answer["Location"]) == (302, ask)
    assert rows() == before

    page = desks["member"].get(ask)
    text = " ".join(page.content.decode().split())
    truth = Annotation.objects.get()
    assert f">annotation {truth.pk}</a>" in text
    assert "1 region is the same on both sides." in text
    assert "<h3>Only in the ground truth now: 1</h3>" in text
    assert "<h3>Only in the prediction: 1</h3>" in text
    assert text.count("<li>Person, rectangle</li>") == 2
    assert f'name="instead_of" value="{truth.pk}"' in text
    views = data_of(page)["views"]
    assert [
        (view["title"], [(r["side"], r["label"], r["score"]) for r in view["regions"]])
        for view in views
    ] == [
        ("Ground truth now", [("ground_truth", "Car", None), ("ground_truth", "Person", None)]),
        (f"Prediction {pk}", [("prediction", "Car", None), ("prediction", "Person", None)]),
    ]

    answer = desks["member"].post(page_of(pk, "accept") + "?min=0.5", {"instead_of": str(truth.pk)})
    assert answer["Location"] == page_of(pk) + "?min=0.5"
    old, new = rows()
    assert old == before[0]
    assert (new["result"], new["ground_truth"]) == (ACCEPTED, True)
    assert f">Annotation {new['id']}</a>" in text_of(desks["reader"], page_of(pk))


def test_the_ground_truth_that_was_asked_about_is_the_one_replaced(
    desks: dict[str, Client], ada: Caller, project: Project
) -> None:
    pk = predicted(ada, project, TRUE)
    asked = Annotation.objects.get().pk
    newer = Annotation.objects.create(
        task=Task.objects.get(), project=project, result=[], ground_truth=True
    )
    for stale in (str(asked), "0", "x", "9" * 30):
        answer = desks["member"].post(page_of(pk, "accept"), {"instead_of": stale}, follow=True)
        assert answer.redirect_chain[0][0] == page_of(pk, "accept/ask")
        assert "The ground truth has changed meanwhile." in answer.content.decode()
        assert f">annotation {newer.pk}</a>" in answer.content.decode()
    assert Annotation.objects.count() == 2
    # It is gone altogether.
    Annotation.objects.all().delete()
    answer = desks["member"].post(page_of(pk, "accept"), {"instead_of": str(asked)})
    assert (answer["Location"], rows()) == (page_of(pk, "accept/ask"), [])


def test_undone(desks: dict[str, Client], ada: Caller, project: Project) -> None:
    pk = predicted(ada, project, TRUE)
    before = rows()
    assert "Undo acceptance" not in text_of(desks["member"], page_of(pk))
    desks["member"].post(page_of(pk, "accept"), {"instead_of": str(before[0]["id"])})
    assert "Undo acceptance" in text_of(desks["member"], page_of(pk))
    assert "Undo acceptance" not in text_of(desks["reader"], page_of(pk))

    answer = desks["member"].post(page_of(pk, "accept/undo") + "?min=0.5")
    assert (answer["Location"], rows()) == (page_of(pk) + "?min=0.5", before)
    answer = desks["member"].post(page_of(pk, "accept/undo"), follow=True)
    assert "The ground truth is not made of this prediction." in answer.content.decode()
    assert rows() == before


@pytest.mark.django_db(transaction=True)
def test_what_somebody_changed_is_not_undone(
    desks: dict[str, Client], ada: Caller, project: Project
) -> None:
    pk = predicted(ada, project)
    desks["member"].post(page_of(pk, "accept"))
    made = Annotation.objects.get().pk
    ada.client.patch(f"/api/annotations/{made}/", {"result": TRUE}, format="json")
    before = rows()

    assert "Undo acceptance" not in text_of(desks["member"], page_of(pk))
    answer = desks["member"].post(page_of(pk, "accept/undo"), follow=True)
    assert f"Annotation {made} was changed since" in answer.content.decode()
    assert rows() == before


def test_who_may(desks: dict[str, Client], ada: Caller, project: Project) -> None:
    pk = predicted(ada, project, TRUE)
    truth = str(Annotation.objects.get().pk)
    for who, status in {"reader": 403, "stranger": 404, "anonymous": 302}.items():
        assert desks[who].get(page_of(pk, "accept/ask")).status_code == status
        for path, body in (("accept", {"instead_of": truth}), ("accept/undo", {})):
            assert desks[who].post(page_of(pk, path), body).status_code == status
    assert desks["member"].get(page_of(pk, "accept/undo")).status_code == 405
    assert desks["member"].post(page_of(pk, "accept/ask")).status_code == 405
    assert Annotation.objects.count() == 1
    assert desks["root"].get(page_of(pk, "accept/ask")).status_code == 200
    desks["root"].post(page_of(pk, "accept"), {"instead_of": truth})
    assert Annotation.objects.count() == 2


def test_cancelled_and_unmarked_annotations_are_no_ground_truth(
    desks: dict[str, Client], ada: Caller, project: Project
) -> None:
    pk = predicted(ada, project)
    facts: list[dict[str, bool]] = [{"ground_truth": True, "was_cancelled": True}, {}]
    for more in facts:
        Annotation.objects.create(task=Task.objects.get(), project=project, result=TRUE, **more)

    desks["member"].post(page_of(pk, "accept"))
    assert Annotation.objects.filter(ground_truth=True, was_cancelled=False).get().result == (
        ACCEPTED
    )


def test_statements(desks: dict[str, Client], ada: Caller, project: Project) -> None:
    pk = predicted(ada, project, TRUE)

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert desks["member"].get(page_of(pk, "accept/ask")).status_code == 200
        return len(captured)

    few = asked()
    Annotation.objects.bulk_create(
        Annotation(task=Task.objects.get(), project=project, result=TRUE * 9, ground_truth=True)
        for _ in range(50)
    )
    assert asked() == few == 7


def test_hostile_labels_are_text(desks: dict[str, Client], ada: Caller, project: Project) -> None:
    evil = "</script><script>alert(1)</script>"
    pk = predicted(ada, project, [region(evil)])
    text = text_of(desks["member"], page_of(pk, "accept/ask"))

    assert "<script>alert" not in text
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in text
