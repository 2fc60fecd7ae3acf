"""The desk's pages for projects, tasks, annotations, predictions and ML backends."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership
from desk.workspace_admin import BoundedPaginator
from predictions.db import versions
from predictions.imports import tasks
from predictions.models import Annotation, MLBackend, Prediction, Project, Task
from tests.accounts.test_admin import errors_of
from tests.conftest import IMAGE_CONFIG, Caller, region

MODELS = ("project", "task", "prediction", "annotation", "mlbackend")


def fill(project: Project, caller: Caller, n: int = 1, version: str = "v1") -> list[int]:
    """n tasks with a prediction and an annotation each."""
    items = [
        {
            "data": {"image": f"http://x.y/{i}.jpg", "note": "secret of the lab"},
            "predictions": [{"result": [region()], "score": 0.5, "model_version": version}],
            "annotations": [{"result": [region()], "ground_truth": True}],
        }
        for i in range(n)
    ]
    return list(tasks.store(project, items, caller.access)["task_ids"])


@pytest.fixture
def rows(ada: Caller, project: Project) -> dict[str, int]:
    """The id of one row of each model in Ada's workspace."""
    (task,) = fill(project, ada)
    backend = MLBackend.objects.create(project=project, url="http://models.lab", title="Backend")
    return {
        "project": project.pk,
        "task": task,
        "prediction": Prediction.objects.get().pk,
        "annotation": Annotation.objects.get().pk,
        "mlbackend": backend.pk,
    }


def path_of(model: str, *rest: object) -> str:
    return "/".join(["/admin/predictions", model, *map(str, rest), ""])


@pytest.mark.parametrize("model", MODELS)
def test_pages_open_for_those_who_may(
    desks: dict[str, Client], rows: dict[str, int], model: str
) -> None:
    everybody = {"owner": 200, "member": 200, "reader": 200, "root": 200, "anonymous": 302}
    table = {
        path_of(model): {**everybody, "stranger": 200},
        path_of(model, "add"): {**everybody, "stranger": 200, "reader": 403},
        path_of(model, rows[model], "change"): {**everybody, "stranger": 302},
        path_of(model, rows[model], "history"): {**everybody, "stranger": 302},
        path_of(model, rows[model], "delete"): {**everybody, "stranger": 302, "reader": 403},
    }
    for path, expected in table.items():
        answers = {name: desks[name].get(path).status_code for name in expected}
        assert answers == expected, path


@pytest.mark.parametrize("model", MODELS)
def test_a_foreign_row_is_as_if_it_were_missing(
    desks: dict[str, Client], rows: dict[str, int], model: str
) -> None:
    for verb in ("change", "history", "delete"):
        answers = []
        for row in (rows[model], 987654):
            for method in ("get", "post"):
                send = getattr(desks["stranger"], method)
                response = send(path_of(model, row, verb), {"post": "yes"}, follow=True)
                text = response.content.decode().replace(str(row), "ID")
                assert "Cars" not in text
                answers.append((response.status_code, response.redirect_chain))
        assert answers[:2] == answers[2:]
    assert "secret of the lab" not in desks["stranger"].get(path_of(model)).content.decode()
    assert counts() == {"project": 1, "task": 1, "prediction": 1, "annotation": 1, "mlbackend": 1}


def counts() -> dict[str, int]:
    kinds = (Project, Task, Prediction, Annotation, MLBackend)
    return dict(zip(MODELS, (kind.objects.count() for kind in kinds), strict=True))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", ["reader", "stranger"])
def test_actions_delete_nothing_that_is_not_theirs(
    desks: dict[str, Client], rows: dict[str, int], model: str, name: str
) -> None:
    form = {"action": "delete_selected", "_selected_action": [rows[model]], "post": "yes"}
    response = desks[name].post(path_of(model), form, follow=True)
    assert "Successfully deleted" not in response.content.decode()
    assert counts()[model] == 1


def test_a_reader_here_and_owner_there_deletes_only_there(
    desks: dict[str, Client], rows: dict[str, int], rita: Caller, olga: Caller, make_project: Any
) -> None:
    Membership.objects.create(user=rita.user, workspace=olga.workspace, role="owner")
    theirs = make_project(olga, title="Elsewhere")
    form = {
        "action": "delete_selected",
        "_selected_action": [rows["project"], theirs.pk],
        "post": "yes",
    }
    assert desks["reader"].post(path_of("project"), form).status_code == 403
    assert Project.objects.count() == 2
    form["_selected_action"] = [theirs.pk]
    assert desks["reader"].post(path_of("project"), form).status_code == 302
    assert list(Project.objects.values_list("pk", flat=True)) == [rows["project"]]
    response = desks["reader"].post(
        path_of("project", rows["project"], "change"), {"title": "Mine now"}
    )
    assert response.status_code == 403


@pytest.mark.parametrize("model", ["project", "task", "prediction", "annotation", "mlbackend"])
def test_deleting_takes_what_belongs_to_it(
    desks: dict[str, Client], rows: dict[str, int], model: str
) -> None:
    page = desks["member"].get(path_of(model, rows[model], "delete")).content.decode()
    assert ", with everything in it" in page
    response = desks["member"].post(path_of(model, rows[model], "delete"), {"post": "yes"})
    assert response.status_code == 302
    gone = {
        "project": set(MODELS),
        "task": {"task", "prediction", "annotation"},
    }.get(model, {model})
    assert {name for name, count in counts().items() if count == 0} == gone


def test_create_a_project(desks: dict[str, Client], ada: Caller) -> None:
    form = {
        "workspace": ada.workspace.pk,
        "title": "New cars",
        "label_config": IMAGE_CONFIG,
        "sampling": "Sequential sampling",
        "maximum_annotations": 1,
        "color": "#FFFFFF",
    }
    for slug in ("new-cars", "new-cars-2"):
        response = desks["member"].post(path_of("project", "add"), form)
        assert response.status_code == 302, errors_of(response)
        project = Project.objects.latest("id")
        assert (project.slug, project.workspace_id) == (slug, ada.workspace.pk)
        assert project.parsed_label_config["label"]["labels"] == ["Car", "Person"]
        assert project.control_weights
        assert project.created_by is not None
        assert project.created_by.email == "mia@example.com"


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"title": "ab"}, "title", "at least 3 characters"),
        ({"label_config": "<View><Oops"}, "label_config", "unclosed token"),
        ({"model_version": "unknown"}, "model_version", "Model version doesn't exist"),
        ({"maximum_annotations": "many"}, "maximum_annotations", "whole number"),
    ],
)
def test_a_refused_project_says_why(
    desks: dict[str, Client], project: Project, values: dict[str, str], field: str, message: str
) -> None:
    form = {
        "title": "Cars",
        "label_config": IMAGE_CONFIG,
        "sampling": "Sequential sampling",
        "maximum_annotations": 1,
        **values,
    }
    response = desks["member"].post(path_of("project", project.pk, "change"), form)
    assert response.status_code == 200
    assert message in " ".join(errors_of(response)[field])
    before = (project.title, project.label_config, project.model_version)
    project.refresh_from_db()
    assert (project.title, project.label_config, project.model_version) == before


def test_changing_the_config_parses_it_again(desks: dict[str, Client], project: Project) -> None:
    form = {
        "title": "Cars",
        "label_config": IMAGE_CONFIG.replace("Person", "Bus"),
        "sampling": "Sequential sampling",
        "maximum_annotations": 1,
    }
    response = desks["member"].post(path_of("project", project.pk, "change"), form)
    assert response.status_code == 302, errors_of(response)
    project.refresh_from_db()
    assert project.parsed_label_config["label"]["labels"] == ["Car", "Bus"]


@pytest.mark.parametrize(
    ("model", "table"),
    [("project", Project), ("task", Task), ("prediction", Prediction), ("annotation", Annotation)],
)
def test_a_form_that_brings_nothing_new_writes_nothing(
    desks: dict[str, Client], rows: dict[str, int], model: str, table: Any
) -> None:
    """Evaluations tell by the time of a row whether it changed since."""
    before = table.objects.values().get(pk=rows[model])
    path = path_of(model, rows[model], "change")
    form = desks["member"].get(path).context["adminform"].form
    shown = {bound.name: bound.value() for bound in form}
    # The page has them a second time, hidden.
    shown |= {b.html_initial_name: b.value() for b in form if b.field.show_hidden_initial}
    sent = {
        name: value for name, value in shown.items() if value is not None and value is not False
    }

    response = desks["member"].post(path, sent)

    assert response.status_code == 302, errors_of(response)
    assert table.objects.values().get(pk=rows[model]) == before


def test_a_form_that_nobody_touched_changes_nothing(
    desks: dict[str, Client], ada: Caller, project: Project
) -> None:
    """Browsers send the ends of lines as CRLF."""
    url = f"/api/projects/{project.pk}/"
    texts = {
        "label_config": IMAGE_CONFIG.replace("><", ">\n<"),
        "description": "of two\nlines",
        "expert_instruction": "as\nwell",
    }
    weights = {"label": {"overall": 0.5, "type": "RectangleLabels", "labels": {"Car": 0.25}}}
    before = ada.client.patch(url, {**texts, "control_weights": weights}, format="json").json()
    sent = {name: text.replace("\n", "\r\n") for name, text in texts.items()}
    form = {
        **{name: before[name] for name in ("title", "sampling", "maximum_annotations", "color")},
        **{name: "on" for name in ("is_published", "show_instruction") if before[name]},
        **sent,
    }

    for title in (before["title"], "Another title"):
        path = path_of("project", project.pk, "change")
        response = desks["member"].post(path, {**form, "title": title})
        assert response.status_code == 302, errors_of(response)
        assert ada.client.get(url).json() == {**before, "title": title}


@pytest.mark.parametrize(("name", "status"), [("reader", 403), ("stranger", 200)])
def test_no_project_in_a_workspace_one_may_not_write_to(
    desks: dict[str, Client], ada: Caller, name: str, status: int
) -> None:
    form = {"workspace": ada.workspace.pk, "title": "Intruder", "label_config": "<View></View>"}
    assert desks[name].post(path_of("project", "add"), form).status_code == status
    assert not Project.objects.exists()


def test_create_and_change_a_task(desks: dict[str, Client], project: Project) -> None:
    form = {"project": project.pk, "data": '{"image": "http://x.y/é.jpg"}', "meta": "{}",
            "overlap": 1}  # fmt: skip
    response = desks["member"].post(path_of("task", "add"), form)
    assert response.status_code == 302, errors_of(response)
    task = Task.objects.get()
    assert (task.data, task.inner_id) == ({"image": "http://x.y/é.jpg"}, 1)
    change = path_of("task", task.pk, "change")
    assert "http://x.y/é.jpg" in desks["reader"].get(change).content.decode()
    response = desks["member"].post(change, {**form, "data": '{"text": "new"}', "overlap": 2})
    assert response.status_code == 302, errors_of(response)
    task.refresh_from_db()
    assert (task.data, task.overlap) == ({"text": "new"}, 2)
    assert task.updated_by is not None
    bad = desks["member"].post(change, {**form, "data": "[1]"})
    assert "Expected a JSON object." in str(errors_of(bad)["data"])
    bad = desks["member"].post(change, {**form, "data": "{"})
    assert "valid JSON" in str(errors_of(bad)["data"])
    bad = desks["member"].post(path_of("task", "add"), {**form, "data": '{"text": "new"}'})
    assert errors_of(bad)["__all__"] == ['"image" key is expected in task data']
    assert Task.objects.count() == 1


def prediction_form(on: int, **more: Any) -> dict[str, Any]:
    form = {
        "task": on,
        "model_version": "v2",
        "score": "0.75",
        "result": json.dumps([region()]),
        "cluster": "",
        "neighbors": "",
        "mislabeling": "0.0",
        "model": "",
    }
    return {**form, **more}


def test_create_and_change_a_prediction(
    desks: dict[str, Client], rows: dict[str, int], task: int
) -> None:
    response = desks["member"].post(path_of("prediction", "add"), prediction_form(task))
    assert response.status_code == 302, errors_of(response)
    made = Prediction.objects.latest("id")
    assert (made.task_id, made.project_id) == (task, rows["project"])
    assert (made.model_version, made.score, made.result) == ("v2", 0.75, [region()])
    assert (made.cluster, made.neighbors, made.mislabeling) == (None, None, 0.0)
    page = desks["reader"].get(path_of("prediction", made.pk, "change")).content.decode()
    assert "rectanglelabels" in page
    change = path_of("prediction", made.pk, "change")
    form = prediction_form(task, score="0.5", result="[]", model=rows["mlbackend"])
    response = desks["member"].post(change, form)
    assert response.status_code == 302, errors_of(response)
    made.refresh_from_db()
    assert (made.score, made.result, made.model_id) == (0.5, [], rows["mlbackend"])


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"result": "[1]"}, "__all__", "should be dict"),
        ({"result": "{"}, "result", "JSON"),
        ({"result": ""}, "result", "required"),
        ({"result": '"text"'}, "result", "list of regions"),
        ({"result": '[{"a": "\\u0000"}]'}, "result", "Null characters"),
        ({"result": '[{"a": NaN}]'}, "result", "finite"),
        ({"score": "Infinity"}, "score", "number"),
        ({"cluster": "99999999999"}, "cluster", "less than or equal"),
        ({"task": "987654"}, "task", "valid choice"),
        ({"task": ""}, "task", "required"),
    ],
)
def test_a_refused_prediction_says_why(
    desks: dict[str, Client],
    rows: dict[str, int],
    values: dict[str, str],
    field: str,
    message: str,
) -> None:
    stored = Prediction.objects.values().get()
    for path in (path_of("prediction", "add"), path_of("prediction", stored["id"], "change")):
        response = desks["member"].post(path, prediction_form(rows["task"], **values))
        assert response.status_code == 200
        assert message in str(errors_of(response)[field]), errors_of(response)
    assert Prediction.objects.values().get() == stored


def test_a_validating_project_validates_here_too(
    desks: dict[str, Client], ada: Caller, make_project: Any, make_task: Any
) -> None:
    strict = make_project(ada, title="Strict", validate_predictions=True)
    form = prediction_form(make_task(ada, strict), result=json.dumps([region("Bicycle")]))
    response = desks["member"].post(path_of("prediction", "add"), form)
    assert "Error validating prediction" in str(errors_of(response)["__all__"])
    assert not Prediction.objects.exists()


def test_what_points_elsewhere_is_refused(
    desks: dict[str, Client],
    rows: dict[str, int],
    olga: Caller,
    make_project: Any,
    make_task: Any,
) -> None:
    theirs = make_project(olga, title="Theirs")
    task = make_task(olga, theirs)
    backend = MLBackend.objects.create(project=theirs, url="http://theirs", title="Theirs")
    change = path_of("prediction", rows["prediction"], "change")
    for name, values in (
        ("member", {"task": task}),
        ("member", {"model": backend.pk}),
        ("root", {"task": task}),
        ("root", {"model": backend.pk}),
    ):
        response = desks[name].post(change, prediction_form(rows["task"], **values))
        assert errors_of(response), (name, values)
    for model, form in (
        ("task", {"project": theirs.pk, "data": "{}", "meta": "{}", "overlap": 1}),
        ("prediction", prediction_form(task)),
        ("annotation", {"task": task, "result": "[]"}),
        ("mlbackend", {"project": theirs.pk, "url": "http://x.y"}),
    ):
        response = desks["member"].post(path_of(model, "add"), form)
        assert errors_of(response), model
        assert "Theirs" not in response.content.decode()
    assert Prediction.objects.filter(task_id=task).count() == 0
    assert Prediction.objects.get().task_id == rows["task"]


def test_create_and_change_an_annotation(
    desks: dict[str, Client], rows: dict[str, int], rita: Caller, olga: Caller
) -> None:
    form = {
        "task": rows["task"],
        "result": json.dumps([region()]),
        "ground_truth": "on",
        "lead_time": "2.5",
        "completed_by": "",
        "parent_prediction": rows["prediction"],
    }
    response = desks["member"].post(path_of("annotation", "add"), form)
    assert response.status_code == 302, errors_of(response)
    made = Annotation.objects.latest("id")
    assert (made.ground_truth, made.lead_time, made.result) == (True, 2.5, [region()])
    assert made.completed_by is not None
    assert made.completed_by.email == "mia@example.com"
    change = path_of("annotation", made.pk, "change")
    response = desks["member"].post(change, {**form, "completed_by": rita.user.pk})
    assert response.status_code == 302, errors_of(response)
    made.refresh_from_db()
    assert made.completed_by_id == rita.user.pk
    for name in ("member", "root"):
        response = desks[name].post(change, {**form, "completed_by": olga.user.pk})
        assert errors_of(response)["completed_by"]


def test_autocomplete_shows_what_the_caller_sees(
    desks: dict[str, Client], rows: dict[str, int]
) -> None:
    def found(name: str, model: str, field: str, term: object = "") -> list[str]:
        query = {"app_label": "predictions", "model_name": model, "field_name": field}
        answer = desks[name].get("/admin/autocomplete/", {**query, "term": str(term)})
        return [entry["id"] for entry in answer.json()["results"]]

    for model, field, target in (
        ("prediction", "task", "task"),
        ("prediction", "model", "mlbackend"),
        ("task", "project", "project"),
        ("annotation", "parent_prediction", "prediction"),
    ):
        assert found("member", model, field) == [str(rows[target])]
        assert found("stranger", model, field) == []
    assert found("member", "prediction", "task", rows["task"]) == [str(rows["task"])]
    assert found("member", "prediction", "task", "x") == []
    assert found("stranger", "prediction", "task", rows["task"]) == []


def names_of(page: str) -> list[int]:
    return [
        int(found) for found in re.findall(r"/admin/predictions/prediction/(\d+)/review/", page)
    ]


def test_filters_by_project_and_version(
    desks: dict[str, Client], ada: Caller, olga: Caller, project: Project, make_project: Any
) -> None:
    other = make_project(ada, title="Other")
    theirs = make_project(olga, title="Theirs")
    fill(project, ada, 2, "v1")
    fill(project, ada, 1, "v2" + "x" * 300)
    fill(other, ada, 1, "v1")
    fill(theirs, olga, 1, "their version")
    page = desks["reader"].get(path_of("prediction")).content.decode()
    assert len(set(names_of(page))) == 4
    assert "their version" not in page
    assert "Theirs" not in page
    page = desks["reader"].get(path_of("prediction"), {"project": project.pk}).content.decode()
    assert len(set(names_of(page))) == 3
    query: dict[str, str | int] = {"project": project.pk, "version": "v1"}
    page = desks["reader"].get(path_of("prediction"), query).content.decode()
    assert len(set(names_of(page))) == 2
    query["version"] = ("v2" + "x" * 300)[:200]
    page = desks["reader"].get(path_of("prediction"), query).content.decode()
    assert len(set(names_of(page))) == 1
    for foreign in (theirs.pk, 99**30, "x", "-1", "\0"):
        page = desks["reader"].get(path_of("prediction"), {"project": foreign}).content.decode()
        assert names_of(page) == []
        assert "their version" not in page
    assert versions.version_names(project.pk, limit=10) == ["v1", ("v2" + "x" * 300)[:200]]
    assert versions.version_names(project.pk, limit=1) == ["v1"]
    assert versions.version_names(0, limit=1) == []


def test_search_is_by_id(desks: dict[str, Client], rows: dict[str, int]) -> None:
    def hits(text: object) -> list[int]:
        page = desks["reader"].get(path_of("prediction"), {"q": str(text)})
        return names_of(page.content.decode())

    assert set(hits(rows["prediction"])) == {rows["prediction"]}
    assert hits(rows["prediction"] + 1) == hits("car") == hits(99**30) == []


# Of columns that the list of a model does not show.
HIDDEN = {
    "prediction": ['"predictions_prediction"."result",', 'label_config"'],
    "annotation": ['"predictions_annotation"."result",', 'label_config"'],
    "task": ['"predictions_task"."data",', 'label_config"'],
    "project": ["label_config"],
    "mlbackend": ["label_config"],
}


@pytest.mark.parametrize("name", ["owner", "reader", "root"])
def test_lists_ask_the_same_number_of_questions_for_1_and_50_rows(
    desks: dict[str, Client],
    ada: Caller,
    rows: dict[str, int],
    project: Project,
    make_project: Any,
    name: str,
) -> None:
    def ask(model: str) -> list[str]:
        with CaptureQueriesContext(connection) as asked:
            assert desks[name].get(path_of(model)).status_code == 200
        return [query["sql"] for query in asked]

    few = {model: ask(model) for model in MODELS}
    fill(project, ada, 49)
    for i in range(49):
        more = make_project(ada, title=f"Project {i}")
        MLBackend.objects.create(project=more, url="http://x.y", title=f"B{i}")
    for model in MODELS:
        many = ask(model)
        assert len(many) == len(few[model]) <= 9
        # Nothing that a row of the list does not show is read.
        table = f'FROM "predictions_{model}"'
        listing = next(sql for sql in many if table in sql and "ORDER BY" in sql)
        assert not [column for column in HIDDEN[model] if column in listing]


def test_lists_count_no_further_than_they_page(
    desks: dict[str, Client], ada: Caller, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedPaginator, "LIMIT", 100)
    fill(project, ada, 100)
    page = desks["reader"].get(path_of("prediction")).content.decode()
    assert "100\n        predictions" in page
    assert "filters reach the rest" not in page
    fill(project, ada, 20)
    with CaptureQueriesContext(connection) as asked:
        page = desks["reader"].get(path_of("prediction")).content.decode()
    assert "The first 100 predictions; filters reach the rest." in page
    counting = [query["sql"] for query in asked if "COUNT(" in query["sql"].upper()]
    assert len(counting) == 1
    assert "LIMIT 101" in counting[0]
    last = desks["reader"].get(path_of("prediction"), {"p": 2})
    assert len(set(names_of(last.content.decode()))) == 50
    assert desks["reader"].get(path_of("prediction"), {"p": 3}).status_code == 302


def test_hostile_text_is_only_text(
    desks: dict[str, Client], ada: Caller, make_project: Any
) -> None:
    evil = "<script>alert(1)</script>"
    project = make_project(ada, title=evil)
    fill(project, ada, 1, evil)
    Task.objects.update(data={"image": "javascript:alert(1)", "x": evil})
    pages = [path_of(model) for model in MODELS]
    pages += [path_of("prediction") + f"?project={project.pk}&version={evil}"]
    pages += [path_of("task", Task.objects.get().pk, "change")]
    pages += [path_of("prediction", Prediction.objects.get().pk, "change")]
    for name in ("owner", "reader"):
        for page in pages:
            text = desks[name].get(page).content.decode()
            assert evil not in text
            assert 'href="javascript:' not in text
    assert "&lt;script&gt;alert(1)" in desks["owner"].get(path_of("project")).content.decode()


def test_pages_load_nothing_from_elsewhere(desks: dict[str, Client], rows: dict[str, int]) -> None:
    for model in MODELS:
        for path in (path_of(model), path_of(model, "add"), path_of(model, rows[model], "change")):
            page = desks["root"].get(path).content.decode()
            assert re.findall(r'(?:src|href|action)="((?:https?:)?//[^"]+)"', page) == []


def test_numbers_and_times_are_for_people(desks: dict[str, Client], rows: dict[str, int]) -> None:
    Prediction.objects.update(created_at=Now() - timedelta(days=3, hours=1, minutes=30))
    page = desks["reader"].get(path_of("prediction")).content.decode()
    assert "0.5" in page
    shown = r'<time class="whitespace-nowrap" datetime="[^"]+" title="[^"]+">3 days ago</time>'
    assert re.search(shown, page)
