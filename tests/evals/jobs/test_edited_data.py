"""A task's data that is edited while an evaluation reads it: numbers of before, or a reason."""

from typing import Any

import pytest

from evals.engine import counting
from evals.jobs import requests, run
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
    count_images = counting.count_images

    def edits(*args: Any, **kwargs: Any) -> Any:
        answer = ada.client.patch(f"/api/tasks/{second.pk}/", body, format="json")
        assert answer.status_code == 200
        return count_images(*args, **kwargs)

    monkeypatch.setattr(run, "count_images", edits)
    run.run(found.pk)
    found.refresh_from_db()
    if is_seen:
        assert (found.status, found.failure_reason) == ("failed", changed(second))
    else:
        assert found.status == "done"
        assert found.summary is not None
        assert found.summary["headline"]["primary"]["value"] == 1.0


def changed(task: Task) -> str:
    truth, said = task.annotations.get().pk, task.predictions.get().pk
    return (
        f"Task {task.pk}, its annotation {truth} or its prediction {said} was changed or deleted "
        "while it was being evaluated. Run the evaluation again."
    )


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
