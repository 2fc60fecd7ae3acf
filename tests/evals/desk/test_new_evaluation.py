"""The page "New evaluation": what it asks, what it starts, whom it refuses, and what to do then."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from evals.api.serializers import ComputeSerializer
from evals.desk.starting import advice
from evals.jobs import requests, state
from evals.models import ModelEval
from predictions.models import Annotation, Prediction, Project
from prompts.desk import advice as run_advice
from tests.conftest import Caller
from tests.evals.conftest import computed, values
from tests.evals.desk.conftest import LIST, page

NEW = f"{LIST}new/"


def fields(answer: Any) -> dict[str, Any]:
    """The page's fields by name."""
    return {one.name: one for one in [*answer.context_data["first"], *answer.context_data["more"]]}


def test_every_field_of_a_request_is_asked(
    desks: dict[str, Client], project: Project, task_ids: list[int]
) -> None:
    answer: Any = desks["member"].get(f"{NEW}?project={project.pk}&version=v2")
    assert answer.status_code == 200
    context = answer.context_data
    assert (context["version"], context["versions"]) == ("v2", [("v1", "4"), ("v2", "4")])
    assert (context["derived"].kind.task_type, context["derived"].control) == (
        "object-detection",
        "label",
    )
    shown, declared = fields(answer), ComputeSerializer().fields
    assert {*shown, "project", "modelVersion"} == set(declared)
    assert {name: one.help_text for name, one in shown.items()} == {
        name: str(declared[name].help_text).replace("`", "") for name in shown
    }
    assert {name: one.default for name, one in shown.items() if one.default} == {
        "confidence": "20",
        "groundTruth": "marked",
        "writeBack": "false",
    }
    assert shown["control"].offered == ("label",)
    assert shown["tolerance"].note == "Read by regression."


def test_it_starts_what_the_api_starts(
    desks: dict[str, Client], ada: Caller, project: Project, task_ids: list[int]
) -> None:
    form = {
        "modelVersion": "v1",
        "versionId": "",
        "iouThreshold": "0.6",
        "classes": "Car\r\nPerson",
        "labelMap": '{"Truck": "Car", "Bus": null}',
        "iouInclusive": "true",
        "confidence": "",
    }
    answer: Any = desks["member"].post(f"{NEW}?project={project.pk}", form)
    made = ModelEval.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, page(made))
    body = {
        "project": project.slug,
        "modelVersion": "v1",
        "iouThreshold": 0.6,
        "classes": ["Car", "Person"],
        "labelMap": {"Truck": "Car", "Bus": None},
        "iouInclusive": True,
    }
    assert ada.client.post("/lab/model-evals", body, format="json").status_code == 202
    by_api = ModelEval.objects.latest("pk")
    same = (
        "workspace_id", "project", "version_id", "model_id", "model_version", "asked",
        "ground_truth", "options", "matching", "iou_threshold", "inclusive", "confidence",
        "median_latency_ms", "writes_back", "task_type", "control", "reading",
    )  # fmt: skip
    assert [getattr(made, name) for name in same] == [getattr(by_api, name) for name in same]
    entry = AuditEntry.objects.filter(action="evaluation.started").earliest("pk")
    assert (entry.target, entry.actor) == (f"evaluation {made.eval_id}", "mia@example.com")
    # The form is filled in with the request of one that is there.
    again: Any = desks["member"].get(NEW, {"like": made.eval_id})
    filled = {name: one.value for name, one in fields(again).items() if one.value}
    assert again.context_data["version"] == "v1"
    assert filled == {
        "confidence": "20",
        "groundTruth": "marked",
        "iouThreshold": "0.6",
        "iouInclusive": "true",
        "classes": "Car\nPerson",
        "labelMap": '{"Bus": null, "Truck": "Car"}',
        "writeBack": "false",
    }


def test_a_form_that_is_sent_twice_starts_one(
    desks: dict[str, Client], project: Project, task_ids: list[int]
) -> None:
    url = f"{NEW}?project={project.pk}"
    asked: Any = desks["member"].get(url)
    form = {"modelVersion": "v1", "once": asked.context_data["once"]}
    first, second = (desks["member"].post(url, form) for _ in range(2))
    made = ModelEval.objects.get()
    assert first["Location"] == second["Location"] == page(made)
    assert AuditEntry.objects.filter(action="evaluation.started").count() == 1


@pytest.mark.parametrize(
    ("form", "wrong", "refused"),
    [
        ({"iouThreshold": "2"}, {"iouThreshold"}, None),
        ({"labelMap": "{", "confidence": "x"}, {"labelMap", "confidence"}, None),
        ({"tolerance": "1"}, set(), "invalid_request"),
        ({"control": "none"}, set(), "unknown_control"),
        ({"taskType": "rating"}, set(), "unsupported_task_type"),
        ({"modelVersion": "v9"}, set(), "no_predictions"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(
    desks: dict[str, Client],
    project: Project,
    task_ids: list[int],
    form: dict[str, str],
    wrong: set[str],
    refused: str | None,
) -> None:
    answer: Any = desks["member"].post(
        f"{NEW}?project={project.pk}", {"modelVersion": "v1", "confidence": "35", **form}
    )
    assert answer.status_code == 400
    context = answer.context_data
    assert {name for name, one in fields(answer).items() if one.errors} == wrong
    assert (context["refusal"] and context["refusal"].code) == refused
    # What was typed stays, and a refusal says what to do.
    typed = {name: one.value for name, one in fields(answer).items() if name in form}
    assert typed == {name: text for name, text in form.items() if name != "modelVersion"}
    if refused is not None:
        assert context["advice"].text == advice.REFUSED[refused]
    assert not ModelEval.objects.exists()


def test_without_ground_truth(
    desks: dict[str, Client], project: Project, task_ids: list[int]
) -> None:
    Annotation.objects.update(ground_truth=False)
    answer: Any = desks["member"].post(f"{NEW}?project={project.pk}", {"modelVersion": "v1"})
    assert answer.status_code == 400
    assert answer.context_data["advice"] == advice.Advice(
        advice.REFUSED["no_ground_truth"],
        "The project's page",
        f"/admin/predictions/project/{project.pk}/",
    )


@pytest.mark.parametrize(
    ("who", "choice", "form"),
    [
        ("owner", 200, 200),
        ("member", 200, 200),
        ("root", 200, 200),
        ("reader", 403, 403),
        ("stranger", 200, 404),
        ("anonymous", 302, 302),
    ],
)
def test_who_may(
    desks: dict[str, Client],
    project: Project,
    task_ids: list[int],
    who: str,
    choice: int,
    form: int,
) -> None:
    assert desks[who].get(NEW).status_code == choice
    path = f"{NEW}?project={project.pk}"
    assert desks[who].get(path).status_code == form
    sent = desks[who].post(path, {"modelVersion": "v1"}).status_code
    assert sent == (302 if form == 200 else form)
    assert ModelEval.objects.exists() == (form == 200)


@pytest.mark.parametrize("text", ["x", "9" * 30, "-1", "0"])
def test_a_project_that_is_none(desks: dict[str, Client], text: str) -> None:
    assert desks["root"].get(NEW, {"project": text}).status_code == 404


def test_its_statements(desks: dict[str, Client], project: Project, task_ids: list[int]) -> None:
    for n in range(50):
        Prediction.objects.create(
            project=project, task_id=task_ids[0], result=[], model_version=f"w{n}"
        )
    with CaptureQueriesContext(connection) as captured:
        desks["member"].get(NEW, {"project": project.pk})
    assert len(captured) == 4


@pytest.mark.parametrize(
    ("reason", "text", "url"),
    [
        (state.CANCELLED, "Nothing is broken: Re-evaluate computes it when you like.", ""),
        (
            "Task 7, annotation 12, region r1: it has no label.",
            "Mend or delete the region in annotation 12, then run it again.",
            "/admin/predictions/annotation/12/change/",
        ),
        ("Unforeseen KeyError; the worker's log says more.", advice.FAILED[3][1], ""),
        ("3 workers died at the same images.", None, ""),
    ],
)
def test_a_failure_says_what_to_do(
    desks: dict[str, Client],
    project: Project,
    task_ids: list[int],
    reason: str,
    text: str | None,
    url: str,
) -> None:
    made = requests.create(values(project), workspace_id=project.workspace_id)
    state.fail(made.pk, reason)
    answer: Any = desks["reader"].get(page(made))
    found = answer.context_data["advice"]
    assert (found and (found.text, found.url)) == (None if text is None else (text, url))
    assert f"{NEW}?like=" not in answer.content.decode()
    written = desks["member"].get(page(made)).content.decode()
    assert f"{NEW}?like={made.eval_id}" in written


@pytest.mark.parametrize(
    ("reason", "heading", "status"),
    [
        (state.CANCELLED, "It was cancelled", "Cancelled"),
        ("3 workers died at the same images.", "It failed", "Failed"),
    ],
)
def test_what_was_cancelled_has_not_failed(
    desks: dict[str, Client],
    project: Project,
    task_ids: list[int],
    reason: str,
    heading: str,
    status: str,
) -> None:
    made = requests.create(values(project), workspace_id=project.workspace_id)
    state.fail(made.pk, reason)
    shown = desks["reader"].get(page(made)).content.decode()
    assert (f"<h2>{heading}</h2>" in shown, f">{status}</span>" in shown) == (True, True)
    listed = desks["reader"].get("/admin/evals/modeleval/").content.decode()
    assert re.findall(r"(?:Cancelled|Failed)(?=\s*</span>)", listed) == [status]
    cards: Any = desks["reader"].get("/admin/")
    latest = next(c for c in cards.context_data["cards"] if c.title == "Latest evaluations")
    assert [row[2].text for row in latest.rows] == [status.lower()]


def test_the_docs_say_the_same() -> None:
    docs = Path(__file__).resolve().parents[3] / "docs"
    pages = "".join(path.read_text() for path in docs.rglob("*.md"))
    tables = {**advice.REFUSED, **run_advice.BY_TYPE}
    missing = [code for code, text in tables.items() if f"| `{code}` | {text} |" not in pages]
    assert missing == []


def test_a_running_one_says_how_long(
    desks: dict[str, Client], ada: Caller, project: Project, evaluation: ModelEval
) -> None:
    running = requests.create(values(project), workspace_id=project.workspace_id)
    ModelEval.objects.filter(pk=running.pk).update(progress=0.5, planned_at=evaluation.created_at)
    answer: Any = desks["reader"].get(page(running))
    assert answer.context_data["left"].endswith(" left")
    assert computed(ada, project).status == "done"


def test_the_lists_button_leads_to_the_page(desks: dict[str, Client], project: Project) -> None:
    text = desks["member"].get(LIST).content.decode()
    button = re.search(r'href="([^"]+)"[^>]*>\s*New evaluation', text)
    assert button
    assert button[1] == NEW
    assert project.title in desks["member"].get(button[1]).content.decode()
    assert f'href="{NEW}"' not in desks["reader"].get(LIST).content.decode()
