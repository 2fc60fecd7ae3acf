"""The page of a prediction, as the server makes it: who sees what, and what may be done there."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, User
from evals.models import ModelEval
from predictions.models import Annotation, Prediction, Project, Task
from tests.clustered import MORE
from tests.conftest import Caller, desk_of, make_caller, region
from tests.evals.conftest import computed, load, tasks
from tests.predictions.desk.test_admin import fill


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
def prediction(ada: Caller, project: Project) -> int:
    """With an annotation that is ground truth beside it."""
    fill(project, ada)
    return Prediction.objects.get().pk


def page_of(pk: int, name: str = "review") -> str:
    return f"/admin/predictions/prediction/{pk}/{name}/"


def data_of(response: Any) -> Any:
    """What the page hands to its script."""
    found = re.search(
        r'<script id="page-data" type="application/json">(.*?)</script>', response.content.decode()
    )
    assert found
    return json.loads(found[1])


def test_who_sees_the_page(desks: dict[str, Client], prediction: int) -> None:
    task = Task.objects.get().pk
    expected = {"member": 200, "reader": 200, "root": 200, "stranger": 404, "anonymous": 302}
    for path in (page_of(prediction), f"/admin/predictions/task/{task}/compare/"):
        assert {name: desk.get(path).status_code for name, desk in desks.items()} == expected
    pages = []
    for pk in (prediction, 987654):
        page = desks["stranger"].get(page_of(pk), headers={"accept": "text/html"}).content.decode()
        token = re.compile(r'(?<=name="csrfmiddlewaretoken" value=")[^"]+')
        pages.append(token.sub("", page.replace(page_of(pk), "")))
    assert pages[0] == pages[1]
    assert "Nothing is here" in pages[0]


def test_who_may_act(desks: dict[str, Client], prediction: int) -> None:
    for name, status in {"reader": 403, "stranger": 404, "anonymous": 302}.items():
        for action in ("accept", "remove"):
            assert desks[name].post(page_of(prediction, action)).status_code == status
            assert desks[name].get(page_of(prediction, action)).status_code in {302, 405}
    assert (Annotation.objects.count(), Prediction.objects.count()) == (1, 1)
    assert "Accept as ground truth" in desks["member"].get(page_of(prediction)).content.decode()
    assert "Accept as ground truth" not in desks["reader"].get(page_of(prediction)).content.decode()


def test_hands_both_sides_to_the_script(desks: dict[str, Client], prediction: int) -> None:
    data = data_of(desks["reader"].get(page_of(prediction)))
    assert data["image"] == "http://x.y/0.jpg"
    assert data["texts"] == [["note", "secret of the lab"]]
    assert [(r["side"], r["label"], r["score"], r["verdict"]) for r in data["regions"]] == [
        ("prediction", "Car", 0.5, None),
        ("ground_truth", "Car", None, None),
    ]


def test_delete_goes_on_to_the_next_of_the_list(
    desks: dict[str, Client], ada: Caller, project: Project
) -> None:
    fill(project, ada, 3)
    first, middle, last = Prediction.objects.order_by("pk").values_list("pk", flat=True)
    query = f"?project={project.pk}"
    response = desks["member"].post(page_of(middle, "remove") + query)
    assert (response.status_code, response["Location"]) == (302, page_of(first) + query)
    response = desks["member"].post(page_of(first, "remove") + query)
    assert response["Location"] == "/admin/predictions/prediction/" + query
    assert Prediction.objects.get().pk == last
    assert desks["member"].post(page_of(middle, "remove")).status_code == 404


def test_the_way_to_the_neighbours_stays_within_the_filter(
    desks: dict[str, Client], ada: Caller, olga: Caller, project: Project, make_project: Any
) -> None:
    theirs = make_project(olga, title="Theirs")
    one, other = make_project(ada, title="One"), make_project(ada, title="Other")
    fill(one, ada, 1, "v1")
    fill(theirs, olga, 1, "v1")
    fill(other, ada, 1, "v1")
    fill(one, ada, 1, "v2")
    fill(one, ada, 1, "v1")
    a, _, b, c, d = Prediction.objects.order_by("pk").values_list("pk", flat=True)

    def neighbours(pk: int, query: str = "") -> dict[str, str]:
        page = desks["reader"].get(page_of(pk) + query).content.decode()
        return dict(re.findall(r'id="(before|after)" href="([^"]+)"', page))

    assert neighbours(c) == {"before": page_of(d), "after": page_of(b)}
    assert neighbours(a) == {"before": page_of(b)}
    query = f"?project={one.pk}&version=v1"
    escaped = query.replace("&", "&amp;")
    assert neighbours(d, query) == {"after": page_of(a) + escaped}
    # Its own row need not be in the filter: a prediction is a page by itself.
    assert neighbours(c, query) == {"before": page_of(d) + escaped, "after": page_of(a) + escaped}
    listed = desks["reader"].get(f"/admin/predictions/prediction/{query}").content.decode()
    assert page_of(d) + escaped in listed


def test_the_way_back_to_the_list_keeps_what_the_list_reads(
    desks: dict[str, Client], prediction: int, project: Project
) -> None:
    listed = "/admin/predictions/prediction/"

    def way_back(query: str) -> str:
        text = desks["reader"].get(page_of(prediction) + query).content.decode()
        found = re.search(r'href="([^"]+)">Predictions</a>', text)
        assert found
        return found[1].replace("&amp;", "&")

    ways = {
        "": f"{listed}?project={project.pk}",
        "?layout=side&evaluation=x&confidence=20&query={}": f"{listed}?project={project.pk}",
        "?version=v1&layout=side": f"{listed}?version=v1",
        "?p=2&q=7&o=-1&created=1": f"{listed}?p=2&q=7&o=-1&created=1",
    }
    assert {query: way_back(query) for query in ways} == ways
    assert [desks["reader"].get(way).status_code for way in ways.values()] == [200, 200, 200, 200]


@pytest.fixture
def evaluated(ada: Caller, project: Project) -> ModelEval:
    load(ada, project, tasks())
    return computed(ada, project)


def verdicts(response: Any) -> list[tuple[str, str, str | None]]:
    return [(r["side"], r["label"], r["verdict"]) for r in data_of(response)["regions"]]


def test_verdicts_of_an_evaluation(desks: dict[str, Client], evaluated: ModelEval) -> None:
    two = Prediction.objects.filter(model_version="v1").order_by("pk")[1]
    path = page_of(two.pk) + f"?evaluation={evaluated.eval_id}"
    assert verdicts(desks["reader"].get(path)) == [
        ("prediction", "Person", "wrong_class"),
        ("prediction", "Person", "tp"),
        # Below the evaluation's confidence it has none.
        ("prediction", "Car", None),
        ("ground_truth", "Car", "wrong_class"),
        ("ground_truth", "Person", "tp"),
    ]
    at_70 = verdicts(desks["reader"].get(path + "&confidence=70"))
    assert [verdict for _, _, verdict in at_70] == ["wrong_class", None, None, "wrong_class", "fn"]
    # What is no percent is the evaluation's own.
    for wrong in ("x", "101", "-1", "", "\0"):
        query = {"confidence": wrong, "evaluation": evaluated.eval_id}
        assert verdicts(desks["reader"].get(page_of(two.pk), query))[1][2] == "tp"


def test_without_an_evaluation_that_the_caller_sees(
    desks: dict[str, Client], olga: Caller, evaluated: ModelEval
) -> None:
    pk = Prediction.objects.filter(model_version="v1").earliest("pk").pk
    for eval_id in ("unknown", "\0", "x" * 300, ""):
        found = verdicts(desks["reader"].get(page_of(pk), {"evaluation": eval_id}))
        assert {verdict for _, _, verdict in found} == {None}
    # Another workspace's evaluation colors nothing, even on a page one sees.
    Membership.objects.filter(user__email="rita@example.com").delete()
    ModelEval.objects.update(workspace=olga.workspace)
    found = verdicts(desks["member"].get(page_of(pk), {"evaluation": evaluated.eval_id}))
    assert {verdict for _, _, verdict in found} == {None}


def test_a_prediction_that_changed_since_has_no_verdicts(
    desks: dict[str, Client], evaluated: ModelEval
) -> None:
    pk = Prediction.objects.filter(model_version="v1").earliest("pk").pk
    Prediction.objects.filter(pk=pk).update(updated_at=datetime.now(UTC) + timedelta(seconds=1))
    page = desks["reader"].get(page_of(pk), {"evaluation": evaluated.eval_id})
    assert {verdict for _, _, verdict in verdicts(page)} == {None}


def test_compares_versions_of_a_task(desks: dict[str, Client], evaluated: ModelEval) -> None:
    task = Task.objects.order_by("pk")[1]
    v1, v2 = Prediction.objects.filter(task=task).order_by("pk")
    path = f"/admin/predictions/task/{task.pk}/compare/"
    views = data_of(desks["reader"].get(path))["views"]
    assert [view["title"] for view in views] == [
        f"v2, prediction {v2.pk}",
        f"v1, prediction {v1.pk}",
    ]
    assert [len(view["regions"]) for view in views] == [4, 5]
    only = data_of(desks["reader"].get(path, {"prediction": [str(v1.pk), "x", "999999"]}))["views"]
    assert [view["title"] for view in only] == [f"v1, prediction {v1.pk}"]


def test_asks_the_same_number_of_questions_for_1_and_50_rows(
    desks: dict[str, Client], ada: Caller, project: Project
) -> None:
    fill(project, ada, 3)
    middle = Prediction.objects.order_by("pk")[1]
    task = middle.task_id
    query = f"?project={project.pk}&score=0..0.9&created=7"

    def ask() -> list[int]:
        counted = []
        for path in (page_of(middle.pk) + query, f"/admin/predictions/task/{task}/compare/"):
            with CaptureQueriesContext(connection) as asked:
                assert desks["reader"].get(path).status_code == 200
            counted.append(len(asked))
        return counted

    few = ask()
    Prediction.objects.bulk_create(
        Prediction(task_id=task, project=project, result=[region()], model_version=f"w{n}")
        for n in range(50)
    )
    Annotation.objects.bulk_create(
        Annotation(task_id=task, project=project, result=[region()], ground_truth=True)
        for _ in range(50)
    )
    assert ask() == few
    assert max(few) <= 8 + MORE


def test_statements_with_the_verdicts_of_an_evaluation(
    desks: dict[str, Client], ada: Caller, project: Project
) -> None:
    load(ada, project, tasks())
    evaluation = computed(ada, project)
    pk = Prediction.objects.filter(model_version="v1").order_by("pk")[1].pk
    query = f"?project={project.pk}&version=v1&score=0..0.9&evaluation={evaluation.eval_id}"
    with CaptureQueriesContext(connection) as asked:
        response = desks["reader"].get(page_of(pk) + query)
    verdicts = {one.get("verdict") for one in data_of(response)["regions"]}
    assert verdicts & {"tp", "fp", "fn"}, data_of(response)["regions"]
    assert len(asked) <= 8 + MORE, "\n\n".join(one["sql"] for one in asked.captured_queries)


def test_hostile_data_cannot_leave_the_json(
    desks: dict[str, Client], ada: Caller, make_project: Any
) -> None:
    evil = "</script><script>alert(1)</script><!--"
    project = make_project(ada, title="<b>bold</b>")
    fill(project, ada, 1, evil)
    Task.objects.update(data={"image": "javascript:alert(1)", "note": evil})
    Prediction.objects.update(result=[region(evil)])
    pk = Prediction.objects.get().pk
    for path in (page_of(pk), f"/admin/predictions/task/{Task.objects.get().pk}/compare/"):
        text = desks["reader"].get(path).content.decode()
        assert "<script>alert" not in text
        assert "<b>bold" not in text
        assert 'src="javascript:' not in text
        assert 'href="javascript:' not in text
    assert data_of(desks["reader"].get(page_of(pk)))["texts"] == [["note", evil]]
