"""A task's data that is edited while an evaluation reads it: numbers of one moment."""

from typing import Any

import pytest
from django.test import Client

from evals.desk.review_verdicts import verdicts_of
from evals.engine import counting
from evals.jobs import requests, run
from evals.models import EvalImage
from predictions.models import Project, Task
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import load, values

Settings = Any
DIALOGUE = """<View><ParagraphLabels name="l" toName="talk"><Label value="A"/></ParagraphLabels>
<Paragraphs name="talk" value="$talk" layout="dialogue"/></View>"""


def paragraphs(*texts: str) -> list[dict[str, str]]:
    return [{"author": "x", "text": text} for text in texts]


def span(place: int, start: int, end: int) -> dict[str, Any]:
    value = {"start": str(place), "end": str(place), "startOffset": start, "endOffset": end}
    return {
        "from_name": "l",
        "to_name": "talk",
        "type": "paragraphlabels",
        "value": {**value, "paragraphlabels": ["A"]},
    }


@pytest.fixture
def talks(ada: Caller, make_project: MakeProject) -> Project:
    """Two tasks with an equal span on both sides."""
    made = make_project(ada, DIALOGUE, title="Talks")
    items = [
        {
            "data": {"talk": paragraphs("hello", name)},
            "annotations": [{"result": [span(1, 0, 3)], "ground_truth": True}],
            "predictions": [{"result": [span(1, 0, 3)], "model_version": "v1"}],
        }
        for name in ("first", "second")
    ]
    load(ada, made, items)
    return made


@pytest.mark.parametrize(
    ("body", "is_seen"),
    [
        ({"data": {"talk": paragraphs("longer than before", "second")}}, True),
        ({"data": {"talk": paragraphs("hello", "second")}}, False),
        ({"meta": {"image_name": "x"}}, False),
    ],
)
def test_data_edited_while_they_are_counted(
    ada: Caller,
    talks: Project,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    body: dict[str, Any],
    is_seen: bool,
) -> None:
    settings.EVALUATION_CHUNK = 1
    found = requests.create(values(talks), workspace_id=ada.access.workspace_id)
    second = Task.objects.filter(project=talks).latest("id")
    count_images, counted = counting.count_images, []

    def edits(*args: Any, **kwargs: Any) -> Any:
        counted.append(1)
        answer = ada.client.patch(f"/api/tasks/{second.pk}/", body, format="json")
        assert answer.status_code == 200
        return count_images(*args, **kwargs)

    monkeypatch.setattr(run, "count_images", edits)
    run.run(found.pk)
    found.refresh_from_db()
    assert found.status == "done"
    assert found.summary is not None
    assert found.summary["headline"]["primary"]["value"] == 1.0
    # The first image is counted once for each plan.
    assert len(counted) == (3 if is_seen else 2)


def test_an_image_whose_data_were_edited_afterwards_shows_no_objects(
    ada: Caller, talks: Project
) -> None:
    found = requests.create(values(talks), workspace_id=ada.access.workspace_id)
    run.run(found.pk)
    path = f"/lab/model-evals/{found.eval_id}/image-predictions"
    first, second = (one["imageId"] for one in ada.client.get(path).json()["images"])
    body = {"data": {"talk": paragraphs("hello")}}
    ada.client.patch(f"/api/tasks/{second}/", body, format="json")
    assert [ada.client.get(f"{path}/{one}").status_code for one in (first, second)] == [200, 404]
    assert ada.client.get(f"{path}/{second}").json()["error"] == "report_not_found"


TEXTS = {
    "talk": (DIALOGUE, paragraphs("hello", "first"), paragraphs("hello", "first and more")),
    "text": (
        '<View><Text name="talk" value="$talk"/><Labels name="l" toName="talk">'
        '<Label value="A"/></Labels></View>',
        "hello you",
        "halloo you",
    ),
    "page": (
        '<View><HyperText name="talk" value="$talk"/><HyperTextLabels name="l" toName="talk">'
        '<Label value="A"/></HyperTextLabels></View>',
        "<p>hello you</p>",
        "<p>halloo you</p>",
    ),
}
OF_TEXT = {
    "talk": span(0, 0, 3),
    "text": {**span(0, 0, 3), "type": "labels", "value": {"start": 0, "end": 3, "labels": ["A"]}},
    "page": {
        **span(0, 0, 3),
        "type": "hypertextlabels",
        "value": {
            "start": "/p[1]/text()[1]",
            "end": "/p[1]/text()[1]",
            "startOffset": 0,
            "endOffset": 3,
            "globalOffsets": {"start": 0, "end": 3},
            "hypertextlabels": ["A"],
        },
    },
}


@pytest.mark.parametrize("name", list(TEXTS))
def test_spans_are_not_shown_in_a_text_that_was_edited_afterwards(
    ada: Caller, desks: dict[str, Client], make_project: MakeProject, name: str
) -> None:
    config, text, other = TEXTS[name]
    made = make_project(ada, config)
    items = {
        "data": {"talk": text},
        "annotations": [{"result": [OF_TEXT[name]], "ground_truth": True}],
        "predictions": [{"result": [OF_TEXT[name]], "model_version": "v1"}],
    }
    (pk,) = load(ada, made, [items])
    found = requests.create(values(made), workspace_id=ada.access.workspace_id)
    run.run(found.pk)
    path = f"/lab/model-evals/{found.eval_id}/image-predictions"
    cards = f"/admin/evals/modeleval/{found.eval_id}/data/cards?position=0"

    def patched(data: dict[str, Any]) -> Any:
        assert (
            ada.client.patch(f"/api/tasks/{pk}/", {"data": data}, format="json").status_code < 300
        )
        answer = ada.client.get(f"{path}/{pk}")
        (card,) = desks["reader"].get(cards).json()["cards"]
        assert card["stats"]["truePositives"] == 1
        verdicts = verdicts_of(found.eval_id, workspaces=None, task_id=pk, confidence="")
        assert verdicts is not None
        return answer.status_code, card["answer"] is not None, verdicts["truths"]

    # What is beside the text is no part of it.
    assert patched({"talk": text, "page": 7}) == (200, True, {0: "tp"})
    assert patched({"talk": other}) == (404, False, None)
    assert patched({"talk": text}) == (200, True, {0: "tp"})


@pytest.mark.parametrize(("texts", "status"), [(["hello"], 404), (["longer", "second"], 200)])
def test_of_an_image_without_what_its_task_told_the_counts_tell(
    ada: Caller, talks: Project, texts: list[str], status: int
) -> None:
    """As evaluations from before it was kept: a change that counts otherwise is seen."""
    found = requests.create(values(talks), workspace_id=ada.access.workspace_id)
    run.run(found.pk)
    EvalImage.objects.filter(evaluation=found).update(told=None)
    pk = Task.objects.filter(project=talks).latest("id").pk
    body = {"data": {"talk": paragraphs(*texts)}}
    ada.client.patch(f"/api/tasks/{pk}/", body, format="json")
    path = f"/lab/model-evals/{found.eval_id}/image-predictions/{pk}"
    assert ada.client.get(path).status_code == status
