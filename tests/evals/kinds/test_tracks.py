"""Tracks of a video, which nothing compares: the request is refused instead of counting nothing."""

from typing import Any

import pytest

from predictions.models import Project
from tests.conftest import Caller, MakeProject
from tests.evals.conftest import load
from tests.evals.kinds.answered import ask

TRACKS = (
    '<View><Labels name="label" toName="video"><Label value="Car"/></Labels>{more}'
    '<Video name="video" value="$video"/><VideoRectangle name="box" toName="video"/></View>'
)
TIMELINE = '<TimelineLabels name="line" toName="video"><Label value="Car"/></TimelineLabels>'
TRACK = {
    "id": "t",
    "from_name": "box",
    "to_name": "video",
    "type": "videorectangle",
    "value": {"framesCount": 2, "labels": ["Car"], "sequence": [
        {"frame": 1, "x": 1, "y": 1, "width": 5, "height": 5, "enabled": True}]},
}  # fmt: skip


def project(ada: Caller, make_project: MakeProject, more: str = "") -> Project:
    made = make_project(ada, TRACKS.format(more=more), title="Films")
    task: dict[str, Any] = {
        "data": {"video": "a.mp4"},
        "annotations": [{"result": [TRACK], "ground_truth": True}],
        "predictions": [{"result": [TRACK], "model_version": "v1"}],
    }
    load(ada, made, [task])
    return made


@pytest.mark.parametrize("asked", [{}, {"control": "label"}, {"control": "box"},
                                   {"taskType": "temporal-detection"}])  # fmt: skip
def test_refused(ada: Caller, make_project: MakeProject, asked: dict[str, Any]) -> None:
    answer = ask(ada, project(ada, make_project), **asked)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_task_type")


def test_a_timeline_beside_tracks(ada: Caller, make_project: MakeProject) -> None:
    answer = ask(ada, project(ada, make_project, TIMELINE))
    assert (answer.status_code, answer.json()["control"]) == (202, "line")
