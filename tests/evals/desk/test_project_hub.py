"""A project's page: what it says of the project, what it costs, and who sees and presses what."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evals.desk.hub import part
from evals.jobs import requests, state
from evals.models import ModelEval
from predictions.models import Annotation, Prediction, Project, ProjectExport
from prompts.models import ModelRun, Prompt, PromptVersion
from tests.conftest import LONG_AGO, Caller
from tests.evals.conftest import CAR, PERSON, computed, load, tasks, values

PROJECTS = "/admin/predictions/project/"
#: Session, the user with their roles, project, overview; evaluations and their intervals; runs;
#: prediction jobs.
STATEMENTS = 8


def hub_of(client: Client, project: Project) -> dict[str, Any]:
    """What the page says, as plain texts and addresses."""
    answer: Any = client.get(f"{PROJECTS}{project.pk}/")
    assert answer.status_code == 200
    context = answer.context_data
    return {
        "steps": [step.title for step in context["steps"]],
        "lacks": [(lack.text, lack.step and lack.step.title) for lack in context["lacks"]],
        "jobs": [(job.title, job.url, job.progress) for job in context["jobs"]],
        "counts": {name: text for name, _, text, _ in context["counts"]},
        "headings": context["headings"],
        "versions": [
            (row.name, row.n_predictions, [f"{cell.text}{cell.note}" for _, cell in row.cells][:-1])
            for row in context["rows"]
        ],
        "buttons": [(step.title, step.url) for row in context["rows"] for step in row.steps],
        "cards": {card.title: len(card.rows) for card in context["cards"]},
        "trends": [
            (one["measure"], one["low"], one["high"], len(one["points"]))
            for one in context["trends"]
        ],
    }


def new_url(project: Project, version: str) -> str:
    return f"/admin/evals/modeleval/new/?project={project.pk}&version={version}"


def test_an_empty_project(desks: dict[str, Client], project: Project) -> None:
    assert hub_of(desks["member"], project) == {
        "steps": ["Load files"],
        "lacks": [
            (
                "No task yet: load files of ground truth or predictions, or import tasks by API.",
                "Load files",
            )
        ],
        "jobs": [],
        "counts": {
            "Tasks": "0",
            "Annotations": "0",
            "Ground truth": "0",
            "Predictions": "0",
            "Model versions": "0",
        },
        "headings": [],
        "versions": [],
        "buttons": [],
        "cards": {"Latest evaluations": 0, "Latest runs": 0, "Latest prediction jobs": 0},
        "trends": [],
    }


def test_versions_of_long_ago(
    desks: dict[str, Client],
    ada: Caller,
    project: Project,
    evaluation: ModelEval,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of more evaluations than are looked at, each version still has its latest."""
    computed(ada, project, "v2")
    whole = hub_of(desks["reader"], project)
    assert (len(whole["versions"]), whole["lacks"]) == (2, [])
    monkeypatch.setattr(part, "MOST", 1)
    assert hub_of(desks["reader"], project) == whole


def test_versions_side_by_side(
    desks: dict[str, Client], ada: Caller, project: Project, evaluation: ModelEval
) -> None:
    computed(ada, project, "v2")
    path = f"/lab/model-evals/{evaluation.eval_id}/intervals?confidence=16"
    bounds = desks["member"].get(path).json()["f1"]
    f1 = f"0.667 <small>({bounds['low']:.3f} to {bounds['high']:.3f})</small>"
    second = ModelEval.objects.filter(model_version="v2").latest("pk")
    asked = f"/lab/model-evals/{second.eval_id}/intervals?split=test&amp;confidence=0"
    best, of_map = (
        f'1.000 <small data-interval="{name}" data-asked="{asked}"></small>'
        for name in ("f1", "map50_95")
    )
    running = requests.create(values(project, "v2"), workspace_id=project.workspace_id)
    ModelEval.objects.filter(pk=running.pk).update(progress=0.25)
    overview = f"/admin/evals/modeleval/{running.eval_id}/"

    assert hub_of(desks["member"], project) == {
        "steps": [
            "Load files",
            "New evaluation",
            "Compare versions",
            "Run a prompt",
            "Ask an ML backend",
        ],
        "lacks": [],
        "jobs": [("Evaluation of v2", overview, 0.25)],
        "counts": {
            "Tasks": "5",
            "Annotations": "4",
            "Ground truth": "4",
            "Predictions": "8",
            "Model versions": "2",
        },
        "headings": ["mAP50-95", "mAP50", "Precision", "Recall", "F1", "Confidence", "Evaluated"],
        "versions": [
            ("v2", "4", [of_map, "1.000", "1.000", "1.000", best, "0%"]),
            ("v1", "4", ["0.502", "0.502", "0.667", "0.667", f1, "16%"]),
        ],
        "buttons": [("Evaluate", new_url(project, "v2")), ("Evaluate", new_url(project, "v1"))],
        "cards": {"Latest evaluations": 3, "Latest runs": 0, "Latest prediction jobs": 0},
        "trends": [("mAP50-95", "0.502", "1.000", 2)],
    }


def test_predictions_without_a_version_are_one_row(
    desks: dict[str, Client], ada: Caller, project: Project, evaluation: ModelEval
) -> None:
    """Those of the empty and of the null version, as an evaluation counts them."""
    task_id = Prediction.objects.values_list("task_id", flat=True)[0]
    for version in ("", "", None):
        Prediction.objects.create(
            project=project, task_id=task_id, result=[], model_version=version
        )
    answer: Any = desks["member"].get(f"{PROJECTS}{project.pk}/")
    rows = {row.name: (row.n_predictions, row.url) for row in answer.context_data["rows"]}
    assert {name: n for name, (n, _) in rows.items()} == {"(no version)": "3", "v1": "4", "v2": "4"}
    found = desks["member"].get(f"{PROJECTS}{project.pk}/held").json()
    assert found["versions"] == {"": "3", "v1": "4", "v2": "4"}
    for n, url in rows.values():
        listed: Any = desks["member"].get(url)
        assert str(listed.context_data["cl"].result_count) == n
    computed(ada, project, version="")
    versions = {name: (n, cells) for name, n, cells in hub_of(desks["member"], project)["versions"]}
    assert sorted(versions) == ["(no version)", "v1", "v2"]
    n, (score, *_) = versions["(no version)"]
    assert (n, score[:5]) == ("3", "0.000")


def test_intervals_that_somebody_asked_for(
    desks: dict[str, Client], ada: Caller, project: Project
) -> None:
    def shown() -> list[str]:
        versions = hub_of(desks["member"], project)["versions"]
        cells = next(cells for name, _, cells in versions if name == "v1")
        return [cells[0], cells[4]]

    load(ada, project, [one for _ in range(6) for one in tasks()])
    found = computed(ada, project)
    asked = f"/lab/model-evals/{found.eval_id}/intervals?split=test&confidence=16"
    escaped = asked.replace("&", "&amp;")
    places = [f'<small data-interval="{name}" data-asked="{escaped}"></small>'
              for name in ("map50_95", "f1")]  # fmt: skip
    assert shown() == [f"0.502 {places[0]}", f"0.667 {places[1]}"]
    bounds = desks["member"].get(asked).json()
    ends = [
        f"<small>({bounds[name]['low']:.3f} to {bounds[name]['high']:.3f})</small>"
        for name in ("map50_95", "f1")
    ]
    assert shown() == [f"0.502 {ends[0]}", f"0.667 {ends[1]}"]


def test_older_ground_truth_is_told(
    desks: dict[str, Client], ada: Caller, project: Project, evaluation: ModelEval
) -> None:
    Annotation.objects.filter(project=project).update(updated_at=LONG_AGO)
    computed(ada, project, "v2")
    answer: Any = desks["member"].get(f"{PROJECTS}{project.pk}/")
    said = [str(row.cells[-1][1].text).partition(", ")[2] for row in answer.context_data["rows"]]
    assert said == ["", "of older ground truth"]


def test_what_measures_otherwise_is_not_drawn(
    desks: dict[str, Client], ada: Caller, project: Project, evaluation: ModelEval
) -> None:
    """It stands in the table, which says how: the line goes through what can be compared."""
    computed(ada, project, "v2", groundTruth="all")
    computed(ada, project, "v2", labelMap={CAR: PERSON})
    computed(ada, project, "v1")
    assert hub_of(desks["member"], project)["trends"] == [("mAP50-95", "0.502", "0.502", 2)]
    answer: Any = desks["member"].get(f"{PROJECTS}{project.pk}/")
    said = [str(row.cells[-1][1].text).partition(", ")[2] for row in answer.context_data["rows"]]
    assert said == ["other labelMap", ""]


@pytest.mark.parametrize("part", [{"classes": [CAR]}, {"labelMap": {PERSON: None}}, {"query": {}}])
def test_evaluations_of_a_part_do_not_stand_for_the_whole(
    desks: dict[str, Client], ada: Caller, project: Project, part: dict[str, Any]
) -> None:
    ids = load(ada, project, tasks())
    if "query" in part:
        part = {"query": {"selectedItems": {"all": False, "included": ids[:1]}}}
    for version in ("v1", "v2"):
        computed(ada, project, version, **part)
    # Where there is nothing else they are shown.
    assert [one[3] for one in hub_of(desks["member"], project)["trends"]] == [2]
    for version in ("v1", "v2"):
        computed(ada, project, version)
    expected = hub_of(desks["member"], project)
    assert expected["trends"] == [("mAP50-95", "0.502", "1.000", 2)]
    computed(ada, project, "v1", **part)
    found = hub_of(desks["member"], project)
    assert [found[name] for name in ("versions", "trends")] == [
        expected[name] for name in ("versions", "trends")
    ]


def test_what_is_missing_and_who_mends_it(
    desks: dict[str, Client], ada: Caller, project: Project
) -> None:
    load(ada, project, tasks())
    Annotation.objects.update(ground_truth=False)
    marks = "No ground truth yet: predictions are measured by annotations that are marked."
    lacks = [
        (marks, "Mark annotations"),
        ("No evaluation of version v1 yet.", "Evaluate"),
        ("No evaluation of version v2 yet.", "Evaluate"),
    ]
    found = hub_of(desks["member"], project)
    assert sorted(found["lacks"]) == sorted(lacks)
    read = hub_of(desks["reader"], project)
    assert sorted(read["lacks"]) == sorted((text, None) for text, _ in lacks)
    assert (read["steps"], read["buttons"]) == ([], [])
    # The button asks, as the action of the list does.
    form = {"action": "mark_annotations", "_selected_action": str(project.pk)}
    asked = desks["member"].post(PROJECTS, form)
    assert "4 annotations will be marked" in asked.content.decode()


@pytest.mark.parametrize(
    ("n", "counted", "note", "lacking"),
    [
        (50, "50", [], "45 more versions have no evaluation."),
        (51, "51", ["50 of 51 versions are here."], "46 more versions have no evaluation."),
        (200, "200", ["50 of 200 versions are here."], "195 more versions have no evaluation."),
        (
            201,
            "over 200",
            [
                "50 of over 200 versions are here: first those with scores; of the others only "
                "the first 200 by name are looked at."
            ],
            "At least 195 more versions have no evaluation.",
        ),
    ],
)
def test_very_many_versions_are_not_said_to_be_all(
    desks: dict[str, Client],
    ada: Caller,
    project: Project,
    n: int,
    counted: str,
    note: list[str],
    lacking: str,
) -> None:
    result: list[Any] = []
    said = [{"model_version": f"v{at:03}", "result": result} for at in range(n)]
    true = [{"result": result, "ground_truth": True}]
    load(ada, project, [{"data": {"image": "a.png"}, "annotations": true, "predictions": said}])
    answer: Any = desks["reader"].get(f"{PROJECTS}{project.pk}/")
    context = answer.context_data
    assert {name: text for name, _, text, _ in context["counts"]}["Model versions"] == counted
    assert context["notes"] == note
    assert [lack.text for lack in context["lacks"]][-1] == lacking
    assert len(context["rows"]) == 50


def test_a_failure_is_named_until_something_follows(
    desks: dict[str, Client], ada: Caller, project: Project
) -> None:
    load(ada, project, tasks())
    failed = requests.create(values(project), workspace_id=project.workspace_id)
    state.fail(failed.pk, "Unforeseen KeyError; the worker's log says more.")
    text = "The evaluation of v1 failed: Unforeseen KeyError; the worker's log says more."
    assert (text, "What to do") in hub_of(desks["reader"], project)["lacks"]
    computed(ada, project)
    texts = [text for text, _ in hub_of(desks["reader"], project)["lacks"]]
    assert texts == ["No evaluation of version v2 yet."]


@pytest.mark.parametrize("path", ["", "held", "export/lab?exportType=JSON_MIN"])
def test_who_sees_it(desks: dict[str, Client], project: Project, path: str) -> None:
    everybody = {"owner": 200, "member": 200, "reader": 200, "root": 200}
    expected = {**everybody, "stranger": 404, "anonymous": 302}
    address = f"{PROJECTS}{project.pk}/{path}"
    assert {name: desks[name].get(address).status_code for name in expected} == expected
    for unknown in (project.pk + 9, 9**30):
        assert desks["root"].get(f"{PROJECTS}{unknown}/{path}").status_code == 404


def test_a_project_at_the_address_of_another_workspace(
    desks: dict[str, Client], project: Project, olga: Caller
) -> None:
    assert desks["root"].get(f"{PROJECTS}{project.pk}/export/elsewhere").status_code == 404


def test_exact_counts(desks: dict[str, Client], ada: Caller, project: Project) -> None:
    load(ada, project, tasks())
    found = desks["reader"].get(f"{PROJECTS}{project.pk}/held").json()
    assert found["counts"] == {
        "tasks": "5",
        "annotations": "4",
        "predictions": "8",
        "ground_truth": "4",
        "images and tasks of evaluations": "0",
    }
    assert found["versions"] == {"v1": "4", "v2": "4"}
    assert [one["name"] for one in found["held"]] == [
        "tasks", "annotations", "predictions", "images and tasks of evaluations",
    ]  # fmt: skip
    assert all(one["bytes"].split()[1] in {"Bytes", "kB"} for one in found["held"])


def test_fifty_of_everything_cost_as_many_statements_as_one(
    desks: dict[str, Client], ada: Caller, project: Project, evaluation: ModelEval
) -> None:
    assert cost(desks["member"], project) == STATEMENTS
    task_id = Prediction.objects.values_list("task_id", flat=True)[0]
    for n in range(50):
        Prediction.objects.create(
            project=project, task_id=task_id, result=[], model_version=f"w{n}"
        )
    prompt = Prompt.objects.create(workspace=project.workspace, title="P")
    version = PromptVersion.objects.create(parent_model=prompt, title="V", prompt="x")
    for n in range(50):
        ModelEval.objects.create(
            workspace=project.workspace, project=project, version_id=f"w{n}",
            model_version=f"w{n}", task_type="object-detection", matching="iou",
            status="done", summary=evaluation.summary,
        )  # fmt: skip
        ModelRun.objects.create(project=project, model_version=version, status="InProgress")
        ProjectExport.objects.create(project=project, export_type="JSON", source="predictions")
    assert cost(desks["member"], project) == STATEMENTS


def cost(client: Client, project: Project) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(f"{PROJECTS}{project.pk}/").status_code == 200
    return len(captured)


def test_deleting_names_what_goes(desks: dict[str, Client], ada: Caller, project: Project) -> None:
    load(ada, project, tasks())
    asked = desks["member"].get(f"{PROJECTS}{project.pk}/delete/").content.decode()
    assert "Cars, with everything in it: 5 tasks, 4 annotations, 8 predictions. Its" in asked


def test_settings_lead_back(desks: dict[str, Client], project: Project) -> None:
    hub = f"{PROJECTS}{project.pk}/"
    answer: Any = desks["member"].get(f"{hub}change/")
    form = {**answer.context["adminform"].form.initial, "title": "Trucks"}
    sent = desks["member"].post(
        f"{hub}change/", {name: value for name, value in form.items() if value is not None}
    )
    assert (sent.status_code, sent["Location"]) == (302, hub)
    listed = desks["member"].get(PROJECTS).content.decode()
    assert f'href="{hub}"' in listed
