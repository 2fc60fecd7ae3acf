"""A task's page as the server makes it, and what is stored of a correction made there."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, User
from predictions.imports import tasks
from predictions.models import (
    Annotation,
    Prediction,
    PredictionComment,
    PredictionReview,
    Project,
    Task,
)
from tests.clustered import MORE
from tests.conftest import Caller, desk_of, make_caller, region
from tests.evals.conftest import computed, load
from tests.evals.conftest import tasks as seen_tasks
from tests.predictions.desk.test_review import data_of

MOST_STATEMENTS = 8 + MORE
# More digits than a float has, keys that nobody knows, and a page of several.
EXACT = {
    **region("Car", x=10.12345678901234567890),
    "id": "p1",
    "score": 0.9,
    "item_index": 2,
    "meta": {"text": ["seen"]},
}
SAID = [EXACT, {**region("Person", x=55, rotation=30), "id": "p2", "score": 0.4}]
TRUE = [{**region("Car"), "id": "t1"}]


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


@pytest.fixture
def shown(ada: Caller, project: Project) -> Task:
    """A task with a prediction and a ground truth."""
    item = {
        "data": {"image": "http://x.y/0.jpg", "note": {"lab": "secret"}},
        "predictions": [{"result": SAID, "score": 0.5, "model_version": "v1"}],
        "annotations": [{"result": TRUE, "ground_truth": True}],
    }
    (pk,) = tasks.store(project, [item], ada.access)["task_ids"]
    return Task.objects.get(pk=pk)


def page_of(task: int, name: str = "review") -> str:
    return f"/admin/predictions/task/{task}/{name}/"


def send(desk: Client, task: int, **body: Any) -> Any:
    return desk.post(page_of(task, "correct"), body, content_type="application/json")


def from_prediction(**more: Any) -> dict[str, Any]:
    one = Prediction.objects.get()
    return {"prediction": one.pk, "updated_at": one.updated_at.isoformat(), **more}


def result_text(annotation: int) -> list[str]:
    """Each region as the database has it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.region::text FROM predictions_annotation a,"
            " jsonb_array_elements(a.result) WITH ORDINALITY r(region, n) WHERE a.id = %s"
            " ORDER BY r.n",
            [annotation],
        )
        return [row[0] for row in cursor.fetchall()]


def test_who_sees_the_page_and_who_may_correct(desks: dict[str, Client], shown: Task) -> None:
    expected = {"member": 200, "reader": 200, "root": 200, "stranger": 404, "anonymous": 302}
    assert {n: d.get(page_of(shown.pk)).status_code for n, d in desks.items()} == expected
    body = from_prediction(regions=[{"from": 0}])
    refused = {"reader": 403, "stranger": 404, "anonymous": 302}
    assert {n: send(desks[n], shown.pk, **body).status_code for n in refused} == refused
    assert Annotation.objects.count() == 1
    page = desks["reader"].get(page_of(shown.pk) + "?edit=new")
    assert data_of(page)["edit"] is None
    assert "Correct</a>" not in page.content.decode()
    unsafe = Client(enforce_csrf_checks=True)
    unsafe.force_login(User.objects.get(email="mia@example.com"))
    assert send(unsafe, shown.pk, **body).status_code == 403
    assert send(desks["root"], shown.pk, **body).status_code == 200


def test_hands_everything_said_to_the_script(desks: dict[str, Client], shown: Task) -> None:
    said, true = Prediction.objects.get(), Annotation.objects.get()
    data = data_of(desks["member"].get(page_of(shown.pk), {"edit": f"prediction-{said.pk}"}))
    assert data["things"] == [
        {"name": "image", "kind": "image", "value": "http://x.y/0.jpg"},
        {"name": "note", "kind": "data", "value": {"lab": "secret"}},
    ]
    assert [
        (
            s["key"],
            s["isTruth"],
            s["color"],
            [(r["label"], r["page"]) for r in s["regions"]],
        )
        for s in data["sources"]
    ] == [
        (f"prediction-{said.pk}", False, 0, [("Car", 2), ("Person", 0)]),
        (f"annotation-{true.pk}", True, 1, [("Car", 0)]),
    ]
    assert data["truth"] == true.pk
    assert data["edit"] == {
        "kind": "prediction",
        "id": said.pk,
        "updatedAt": said.updated_at.isoformat(),
        "result": SAID,
        "isTruth": False,
    }
    assert [tool["kind"] for tool in data["tools"]] == ["rectangle"]
    for named in ("prediction-0", "annotation-x", "task", ""):
        assert data_of(desks["member"].get(page_of(shown.pk), {"edit": named}))["edit"] is None


def test_untouched_regions_go_out_as_they_came(desks: dict[str, Client], shown: Task) -> None:
    said = Prediction.objects.get()
    exact = '{"x": 10.123456789012345678901234567890, "y": 20.50, "width": 1e-7, "height": 3}'
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE predictions_prediction SET result = jsonb_set(result, '{0,value}',"
            " (result->0->'value') || %s::jsonb) WHERE id = %s RETURNING (result->0)::text,"
            " result->1->'value'",
            [exact, said.pk],
        )
        before, second = cursor.fetchone()
    entries = [{"from": 0}, {"from": 1, "value": {"x": 56.25, "y": 21}}]
    new: dict[str, Any] = {
        "id": "n1",
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
    }
    new["value"] = {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["Car"]}
    answer = send(desks["member"], shown.pk, **from_prediction(regions=[*entries, {"region": new}]))
    assert answer.status_code == 200, answer.content
    stored = Annotation.objects.get(pk=answer.json()["id"])
    texts = result_text(stored.pk)
    assert texts[0] == before
    moved = {name: value for name, value in SAID[1].items() if name != "score"}
    moved["value"] = {**json.loads(second), "x": 56.25, "y": 21}
    assert [json.loads(text) for text in texts[1:]] == [moved, new]
    assert stored.parent_prediction_id == said.pk
    assert stored.completed_by == User.objects.get(email="mia@example.com")
    assert not stored.ground_truth
    said.refresh_from_db()
    assert len(said.result) == 2


def test_what_changed_meanwhile_is_not_written_over(desks: dict[str, Client], shown: Task) -> None:
    true = Annotation.objects.get()
    body = {
        "annotation": true.pk,
        "updated_at": true.updated_at.isoformat(),
        "regions": [{"from": 0, "value": {"x": 11}}],
        "ground_truth": True,
    }
    assert send(desks["member"], shown.pk, **body).status_code == 200
    first = Annotation.objects.get()
    assert (first.result[0]["value"]["x"], first.ground_truth) == (11, True)
    # The same again: it is not what that page showed any more. (One transaction has one time.)
    Annotation.objects.update(updated_at=first.updated_at + timedelta(seconds=1))
    answer = send(desks["root"], shown.pk, **body)
    assert answer.status_code == 409
    assert answer.json()["detail"] == (
        f"Annotation {true.pk} was changed meanwhile: nothing is stored."
    )
    assert Annotation.objects.get().updated_at == first.updated_at + timedelta(seconds=1)
    # As another one it may be stored, with its regions in full.
    whole = {"annotation": true.pk, "regions": [{"region": TRUE[0]}], "as_new": True}
    made = send(desks["root"], shown.pk, **whole).json()["id"]
    other = Annotation.objects.get(pk=made)
    assert (other.parent_annotation_id, other.result, other.ground_truth) == (true.pk, TRUE, False)
    # A prediction that changed, another ground truth, and rows that are gone.
    stale = from_prediction(regions=[{"from": 0}])
    truth = from_prediction(regions=[{"from": 0}], ground_truth=True, instead_of=None)
    Annotation.objects.filter(pk=other.pk).delete()
    assert send(desks["member"], shown.pk, **truth).status_code == 409
    right = {**truth, "instead_of": true.pk}
    assert send(desks["member"], shown.pk, **right).status_code == 200
    Prediction.objects.update(updated_at=true.updated_at + timedelta(seconds=1))
    assert send(desks["member"], shown.pk, **stale).status_code == 409
    Prediction.objects.all().delete()
    assert send(desks["member"], shown.pk, **stale).status_code == 409
    assert Annotation.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"regions": None}, "regions"),
        ({"regions": {}}, "regions"),
        ({"regions": ["x"]}, "regions"),
        ({"regions": [{"from": -1}]}, "regions"),
        ({"regions": [{"from": True}]}, "regions"),
        ({"regions": [{"from": 2}]}, "regions"),
        ({"regions": [{"from": 0}, {"from": 0}]}, "regions"),
        ({"regions": [{"from": 0, "id": "other"}]}, "regions"),
        ({"regions": [{"from": 0, "value": []}]}, "regions"),
        ({"regions": [{"region": {"value": {}}}]}, "regions"),
        ({"regions": [{"from": 0, "value": {"x": "\0"}}]}, "regions"),
        ({"updated_at": None}, "updated_at"),
        ({"updated_at": "yesterday"}, "updated_at"),
        ({"annotation": 1}, "non_field_errors"),
        ({"prediction": None}, "non_field_errors"),
    ],
)
def test_nonsense_is_refused(
    desks: dict[str, Client], shown: Task, changes: dict[str, Any], problem: str
) -> None:
    body = {**from_prediction(regions=[{"from": 0}]), **changes}
    answer = send(desks["member"], shown.pk, **body)
    assert answer.status_code == 400
    assert list(answer.json()["validation_errors"]) == [problem]
    assert Annotation.objects.count() == 1


def test_another_tasks_prediction_is_not_of_this_one(
    desks: dict[str, Client], shown: Task, ada: Caller, project: Project
) -> None:
    (other,) = tasks.store(project, [{"data": {"image": "http://x.y/1.jpg"}}], ada.access)[
        "task_ids"
    ]
    assert send(desks["member"], other, **from_prediction(regions=[{"from": 0}])).status_code == 409
    assert send(desks["member"], other, regions=[]).status_code == 200
    assert Annotation.objects.get(task=other).result == []


def test_comments_and_reviews(desks: dict[str, Client], shown: Task) -> None:
    pk = Prediction.objects.get().pk
    path = f"/admin/predictions/prediction/{pk}"
    evil = "<script>alert(1)</script>"
    back = f"{page_of(shown.pk)}?layout=side#said-{pk}"
    answer = desks["member"].post(f"{path}/comment/?layout=side", {"text": evil, "from": "task"})
    assert (answer.status_code, answer["Location"]) == (302, back)
    for text in ("", " ", "x" * 10_001, "a\0b"):
        desks["member"].post(f"{path}/comment/", {"text": text})
    for _ in range(2):
        desks["root"].post(f"{path}/reviewed/", {"reviewed": "yes"})
    for page in (f"{path}/review/", page_of(shown.pk)):
        text = desks["reader"].get(page).content.decode()
        assert text.count("&lt;script&gt;alert(1)") == 1
        assert "Reviewed by root@example.com" in text
        assert "mia@example.com" in text
        assert "Mark as reviewed" not in text
    said = PredictionComment.objects.get()
    assert (said.project_id, said.task_id) == (shown.project_id, shown.pk)
    for act, form in (
        ("comment", {"text": "x"}),
        ("reviewed", {"reviewed": "yes"}),
        ("uncomment", {"comment": said.pk}),
    ):
        expected = {"reader": 403, "stranger": 404, "anonymous": 302}
        assert {n: desks[n].post(f"{path}/{act}/", form).status_code for n in expected} == expected
    make_caller("moe@example.com", "lab", Membership.Role.MEMBER)
    moe = Client()
    moe.force_login(User.objects.get(email="moe@example.com"))
    moe.post(f"{path}/uncomment/", {"comment": said.pk})
    assert PredictionComment.objects.count() == PredictionReview.objects.count() == 1
    desks["member"].post(f"{path}/uncomment/", {"comment": said.pk})
    desks["root"].post(f"{path}/reviewed/", {"reviewed": "no"})
    assert PredictionComment.objects.count() == PredictionReview.objects.count() == 0


def test_neighbours_and_statements(
    desks: dict[str, Client], ada: Caller, project: Project, shown: Task
) -> None:
    items = [{"data": {"image": f"http://x.y/{n}.jpg"}} for n in range(2)]
    second, last = sorted(tasks.store(project, items, ada.access)["task_ids"])
    query = f"?project={project.pk}"
    text = desks["reader"].get(page_of(shown.pk) + query).content.decode()
    assert f'href="{page_of(second)}{query}" rel="prev"' in text
    assert 'rel="next"' not in text

    # A query of the Data Manager: its filters, and its order.
    def beside(pk: int, query: Any) -> list[int]:
        asked = query if isinstance(query, str) else json.dumps(query)
        page = desks["reader"].get(page_of(pk), {"query": asked}).content.decode()
        assert ("cannot be understood" in page) == isinstance(query, str)
        found = re.findall(r'id="(before|after)" href="[^"]*/task/(\d+)/', page)
        return [int(task) for _, task in found]

    assert beside(second, {"ordering": ["tasks:id"]}) == [shown.pk, last]
    assert beside(second, {"ordering": ["-tasks:id"]}) == [last, shown.pk]
    few_tasks = {"selectedItems": {"all": False, "included": [shown.pk, last]}}
    assert beside(last, few_tasks) == [shown.pk]
    assert beside(second, few_tasks) == []
    assert beside(last, "{") == []
    # As the grid links it.
    grid = desks["reader"].get(f"/admin/predictions/project/{project.pk}/tasks/").content.decode()
    assert f'href="{page_of(last)}?query=%7B%7D"' in grid

    def ask() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert desks["reader"].get(page_of(shown.pk)).status_code == 200
        print("\n".join(q["sql"][:150] for q in asked))
        return len(asked)

    few = ask()
    models: list[Any] = [Prediction, Annotation]
    for model in models:
        model.objects.bulk_create(
            model(task=shown, project=project, result=[region()]) for _ in range(30)
        )
    assert ask() == few <= MOST_STATEMENTS


def test_verdicts_of_an_evaluation(desks: dict[str, Client], ada: Caller, project: Project) -> None:
    load(ada, project, seen_tasks())
    evaluation = computed(ada, project)
    said = Prediction.objects.filter(model_version="v1").order_by("pk")[1]
    page = desks["reader"].get(page_of(said.task_id), {"evaluation": evaluation.eval_id})
    found = {
        one["key"]: [region["verdict"] for region in one["regions"]]
        for one in data_of(page)["sources"]
    }
    other = Prediction.objects.get(task=said.task_id, model_version="v2")
    drawn = Annotation.objects.get(task=said.task_id)
    assert found[f"prediction-{said.pk}"] == ["wrong_class", "tp", None]
    assert set(found[f"prediction-{other.pk}"]) == {None}
    assert found[f"annotation-{drawn.pk}"] == ["wrong_class", "tp"]
    assert f'value="{evaluation.eval_id}" selected' in page.content.decode()
    # With a query of the grid as without.
    query = json.dumps({"ordering": [f"-tasks:evaluation.{evaluation.eval_id}.errors"]})
    for more in ({}, {"query": query}):
        with CaptureQueriesContext(connection) as asked:
            asked_for = {"evaluation": evaluation.eval_id, **more}
            assert desks["reader"].get(page_of(said.task_id), asked_for).status_code == 200
        assert len(asked) <= MOST_STATEMENTS, [one["sql"][:80] for one in asked]
    images = f"/admin/evals/modeleval/{evaluation.eval_id}/images/"
    assert f'href="{images}?sort=-errors&amp;split=all&amp;confidence=' in page.content.decode()
