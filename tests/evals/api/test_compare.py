"""GET .../compare and .../diff/:otherId: a part is not compared with the whole in silence."""

from datetime import timedelta
from typing import Any

import pytest

from evals.models import ModelEval
from predictions.models import Annotation, Project
from tests.conftest import LONG_AGO, Caller, MakeProject
from tests.evals.conftest import CAR, PERSON, box, computed, load, numbers, task, tasks

PATH = "/lab/model-evals"


@pytest.mark.parametrize(
    ("asked", "differing"),
    [
        ({"classes": [CAR]}, "askedClasses"),
        ({"labelMap": {CAR: None}}, "labelMap"),
        ({"query": {"selectedItems": {"all": False, "included": []}}}, "query"),
    ],
)
def test_a_part_is_not_compared_with_the_whole(
    ada: Caller, project: Project, asked: dict[str, Any], differing: str
) -> None:
    ids = load(ada, project, tasks())
    if "query" in asked:
        asked = {"query": {"selectedItems": {"all": False, "included": ids[:1]}}}
    names = {"versionId": "4"}
    part = computed(ada, project, "v1", **names, modelId="part", **asked)
    whole = computed(ada, project, "v2", **names, modelId="whole")
    same = computed(ada, project, "v1", **names, modelId="same")

    query = {"project": project.slug, "version": "4"}
    models = ada.client.get(f"{PATH}/compare", query).json()["models"]
    reasons = {one["modelId"]: (one["onFrontier"], one["exclusionReason"]) for one in models}
    reason = f"its evaluation has another {differing} than {same.eval_id}"
    assert reasons == {"part": (False, reason), "whole": (True, None), "same": (False, None)}

    diff = f"{PATH}/{{}}/diff/{{}}"
    found = ada.client.get(diff.format(part.eval_id, whole.eval_id)).json()["differingTerms"]
    assert differing in found
    assert ada.client.get(diff.format(whole.eval_id, same.eval_id)).json()["differingTerms"] == []
    again = ada.client.get(diff.format(part.eval_id, part.eval_id)).json()
    assert again["differingTerms"] == []


@pytest.mark.parametrize(
    ("latencies", "frontier"),
    [
        # v1 is less accurate than v2.
        ({"v1": 10.0, "v2": 20.0}, {"v1", "v2"}),
        ({"v1": 20.0, "v2": 10.0}, {"v2"}),
        ({"v1": 10.0, "v2": 10.0}, {"v2"}),
        ({"v1": None, "v2": None}, {"v2"}),
        ({"v1": 10.0, "v2": None}, {"v1", "v2"}),
        ({"v1": None, "v2": 10.0}, {"v1", "v2"}),
        ({"v1": None, "v2": 10.0, "v2 again": None}, {"v2", "v2 again"}),
    ],
)
def test_models_are_compared_by_latency_where_both_have_one(
    ada: Caller, project: Project, latencies: dict[str, float | None], frontier: set[str]
) -> None:
    load(ada, project, tasks())
    for name, latency in latencies.items():
        asked = {"versionId": "4", "modelId": name, "medianLatencyMs": latency}
        computed(ada, project, name[:2], **asked)
    query = {"project": project.slug, "version": "4"}
    models = ada.client.get(f"{PATH}/compare", query).json()["models"]
    assert {one["modelId"]: one["medianLatencyMs"] for one in models} == latencies
    assert {one["modelId"] for one in models if one["onFrontier"]} == frontier
    assert {one["exclusionReason"] for one in models} == {None}


def test_images_of_two_projects_are_compared_and_that_is_told(
    ada: Caller, project: Project, make_project: MakeProject
) -> None:
    """The same ids may stand for the same images, or for quite others."""
    other = make_project(ada, project.label_config, title="Others")
    for one in (project, other):
        items = tasks()
        for number, item in enumerate(items):
            item["meta"] = {**item.get("meta", {}), "image_id": str(number)}
        load(ada, one, items)
    mine, theirs = computed(ada, project), computed(ada, other, "v2")
    found = ada.client.get(f"{PATH}/{mine.eval_id}/diff/{theirs.eval_id}").json()
    assert (found["totals"]["images"], found["differingTerms"]) == (4, ["project"])


@pytest.mark.parametrize(
    ("asked", "term"),
    [({"classes": [CAR]}, "askedClasses"), ({"labelMap": {PERSON: None}}, "labelMap")],
)
def test_a_later_evaluation_of_a_part_does_not_stand_for_its_model(
    ada: Caller, project: Project, asked: dict[str, Any], term: str
) -> None:
    load(ada, project, tasks())
    names = {"versionId": "4"}
    whole = [computed(ada, project, v, **names, modelId=v).eval_id for v in ("v1", "v2")]
    computed(ada, project, "v1", **names, modelId="v1", **asked)
    part = computed(ada, project, "v1", **names, modelId="part", **asked).eval_id

    query = {"project": project.slug, "version": "4"}
    models = ada.client.get(f"{PATH}/compare", query).json()["models"]
    reason = f"its evaluation has another {term} than {whole[1]}"
    assert {one["evalId"]: one["exclusionReason"] for one in models} == {
        whole[0]: None,
        whole[1]: None,
        part: reason,
    }


def test_the_classes_that_were_asked_for_are_told(ada: Caller, project: Project) -> None:
    load(ada, project, tasks())
    path = f"{PATH}/{computed(ada, project, classes=[CAR]).eval_id}"
    assert ada.client.get(path).json()["askedClasses"] == [CAR]
    path = f"{PATH}/{computed(ada, project).eval_id}"
    assert "askedClasses" not in ada.client.get(path).json()


def test_ground_truth_that_changed_in_between_is_told(ada: Caller, project: Project) -> None:
    """Two versions that say the same differ, as the truth was corrected after the first."""
    load(ada, project, tasks())
    Annotation.objects.filter(project=project).update(updated_at=LONG_AGO)
    before, same = (computed(ada, project, "v1", versionId="4", modelId=m) for m in "ab")
    path = f"{PATH}/{before.eval_id}/diff/"
    assert ada.client.get(f"{path}{same.eval_id}").json()["differingTerms"] == []

    annotations = Annotation.objects.filter(project=project, ground_truth=True).order_by("id")
    truth = annotations[0]
    answer = ada.client.patch(
        f"/api/annotations/{truth.pk}/", {"result": []}, content_type="application/json"
    )
    assert answer.status_code == 200
    after = computed(ada, project, "v1", versionId="4", modelId="c")
    found = ada.client.get(f"{path}{after.eval_id}").json()
    assert found["differingTerms"] == ["newestGroundTruthAt"]
    assert found["totals"]["changed"] > 0

    query = {"project": project.slug, "version": "4"}
    models = ada.client.get(f"{PATH}/compare", query).json()["models"]
    told = {one["modelId"]: (one["otherGroundTruth"], one["exclusionReason"]) for one in models}
    assert told == {"a": (True, None), "b": (True, None), "c": (False, None)}

    # What is removed leaves the newest one as it was.
    assert ada.client.delete(f"/api/annotations/{annotations[1].pk}/").status_code == 204
    fewer = computed(ada, project, "v1", versionId="4", modelId="d")
    found = ada.client.get(f"{PATH}/{after.eval_id}/diff/{fewer.eval_id}").json()
    terms = ["groundTruths", "groundTruthDigest"]
    assert (found["differingTerms"], found["totals"]["changed"]) == (terms, 0)
    models = ada.client.get(f"{PATH}/compare", query).json()["models"]
    assert {one["modelId"] for one in models if not one["otherGroundTruth"]} == {"d"}
    # That there are fewer of chosen tasks says nothing.
    chosen = {"selectedItems": {"all": False, "included": [truth.task_id]}}
    some = computed(ada, project, "v1", versionId="4", modelId="e", query=chosen)
    found = ada.client.get(f"{PATH}/{fewer.eval_id}/diff/{some.eval_id}").json()
    assert found["differingTerms"] == ["query"]


@pytest.mark.parametrize("act", ["delete", "unmark", "move"])
def test_ground_truth_that_an_older_annotation_replaces_is_told(
    ada: Caller, project: Project, act: str
) -> None:
    """Neither the newest moment nor the number says that another annotation of a task counts."""
    first, *_ = load(ada, project, tasks())
    Annotation.objects.filter(project=project).update(updated_at=LONG_AGO - timedelta(days=1))
    body: Any = {"result": [box(PERSON, 0, 0, 9, 9)], "ground_truth": True}
    latest = ada.client.post(f"/api/tasks/{first}/annotations/", body, format="json").json()["id"]
    Annotation.objects.filter(pk=latest).update(updated_at=LONG_AGO - timedelta(days=2))
    before, same = (computed(ada, project, versionId="4", modelId=m) for m in "ab")
    path = f"{PATH}/{before.eval_id}"
    assert ada.client.get(f"{path}/diff/{same.eval_id}").json()["differingTerms"] == []

    if act == "delete":
        assert ada.client.delete(f"/api/annotations/{latest}/").status_code == 204
    elif act == "unmark":
        answer = ada.client.patch(
            f"/api/annotations/{latest}/", {"ground_truth": False}, format="json"
        )
        assert answer.status_code == 200
    else:
        body = {"meta": {"split": "train"}}
        assert ada.client.patch(f"/api/tasks/{first}/", body, format="json").status_code == 200
    after = computed(ada, project, versionId="4", modelId="c")
    snapshots = [
        ada.client.get(f"{PATH}/{one.eval_id}").json()["snapshot"] for one in (before, same, after)
    ]
    for name in ("newestGroundTruthAt", "groundTruths"):
        assert len({one[name] for one in snapshots}) == 1
    digests = [one["groundTruthDigest"] for one in snapshots]
    assert digests[0] == digests[1] != digests[2]
    found = ada.client.get(f"{path}/diff/{after.eval_id}").json()
    assert found["differingTerms"] == ["groundTruthDigest"]
    query = {"project": project.slug, "version": "4"}
    models = ada.client.get(f"{PATH}/compare", query).json()["models"]
    told = {one["modelId"]: one["otherGroundTruth"] for one in models}
    assert told == {"a": True, "b": True, "c": False}

    # What was computed before there were digests is compared as then.
    ModelEval.objects.filter(pk=before.pk).update(summary=numbers(before))
    assert "groundTruthDigest" not in ada.client.get(path).json()["snapshot"]
    found = ada.client.get(f"{path}/diff/{after.eval_id}").json()
    assert found["differingTerms"] == []


CHOICES = """<View><Text name="text" value="$text"/><Choices name="c" toName="text"{more}>
<Choice value="A"/><Choice value="B"{alias}/></Choices></View>"""
TIMES = """<View><TimeSeries name="text" value="$text" timeColumn="t" timeFormat="{format}">
<Channel column="v"/></TimeSeries>
<TimeSeriesLabels name="c" toName="text"><Label value="A"/></TimeSeriesLabels></View>"""


def choose(*names: str) -> dict[str, Any]:
    return {"type": "choices", "value": {"choices": list(names)}}


def last(start: str, end: str) -> dict[str, Any]:
    value = {"start": start, "end": end, "timeserieslabels": ["A"]}
    return {"type": "timeserieslabels", "value": value}


EDITED = [
    (CHOICES, {"more": ' choice="multiple"', "alias": ""}, {"more": "", "alias": ""}, choose("A")),
    (
        CHOICES,
        {"more": "", "alias": ' alias="C"'},
        {"more": "", "alias": ' alias="A"'},
        choose("B"),
    ),
    (CHOICES, {"more": "", "alias": ""}, {"more": "", "alias": ' alias="A"'}, choose("B")),
    (TIMES, {"format": "%m/%d/%Y"}, {"format": "%d/%m/%Y"}, last("03/02/2024", "09/02/2024")),
]


@pytest.mark.parametrize(("config", "before", "after", "region"), EDITED)
def test_an_edited_config_that_means_something_else_is_told(
    ada: Caller,
    make_project: MakeProject,
    config: str,
    before: dict[str, Any],
    after: dict[str, Any],
    region: dict[str, Any],
) -> None:
    made = make_project(ada, config.format(**before), title="Edited")
    answer = [{"from_name": "c", "to_name": "text", **region}]
    item = {
        "data": {"text": "a"},
        "annotations": [{"result": answer, "ground_truth": True}],
        "predictions": [{"result": answer, "model_version": "v1"}],
    }
    load(ada, made, [item])
    first, same = (computed(ada, made, versionId="4", modelId=name) for name in "ab")
    edit(ada, made, config.format(**after))
    other = computed(ada, made, versionId="4", modelId="c")
    diff = f"{PATH}/{first.eval_id}/diff/{{}}"
    assert ada.client.get(diff.format(same.eval_id)).json()["differingTerms"] == []
    assert "labelConfig" in ada.client.get(diff.format(other.eval_id)).json()["differingTerms"]
    query = {"project": made.slug, "version": "4"}
    models = ada.client.get(f"{PATH}/compare", query).json()["models"]
    reason = f"its evaluation has another labelConfig than {other.eval_id}"
    told = {one["modelId"]: one["exclusionReason"] for one in models}
    assert told == {"a": reason, "b": reason, "c": None}


@pytest.mark.parametrize(
    "after",
    [
        CHOICES.format(more="", alias="").replace('value="B"', 'value="B"/><Choice value="D"'),
        CHOICES.format(more="", alias="").replace('"A"/>', '"A"/><Choice value="E" alias="F"/>'),
        CHOICES.format(more=' showInLine="true"', alias=' hotkey="b"'),
    ],
)
def test_an_edited_config_that_means_the_same_is_none(
    ada: Caller, make_project: MakeProject, after: str
) -> None:
    made = make_project(ada, CHOICES.format(more="", alias=""), title="Edited")
    answer = [{"from_name": "c", "to_name": "text", **choose("A")}]
    item = {
        "data": {"text": "a"},
        "annotations": [{"result": answer, "ground_truth": True}],
        "predictions": [{"result": answer, "model_version": "v1"}],
    }
    load(ada, made, [item])
    first = computed(ada, made, versionId="4")
    edit(ada, made, after)
    second = computed(ada, made, versionId="4")
    found = ada.client.get(f"{PATH}/{first.eval_id}/diff/{second.eval_id}").json()
    assert "labelConfig" not in found["differingTerms"]


def edit(ada: Caller, project: Project, config: str) -> None:
    body = {"label_config": config}
    answer = ada.client.patch(f"/api/projects/{project.pk}/", body, format="json")
    assert answer.status_code == 200, answer.json()
    project.refresh_from_db()


def test_sizes_that_tasks_tell_since_are_told(ada: Caller, project: Project) -> None:
    ids = load(ada, project, tasks())
    before = computed(ada, project, versionId="4", modelId="a")
    for task_id in ids:
        meta = {"image_size": {"width": 1000, "height": 200}}
        answer = ada.client.patch(f"/api/tasks/{task_id}/", {"meta": meta}, format="json")
        assert answer.status_code == 200
    after = computed(ada, project, versionId="4", modelId="b")
    found = ada.client.get(f"{PATH}/{before.eval_id}/diff/{after.eval_id}").json()
    assert "groundTruthDigest" in found["differingTerms"]
    query = {"project": project.slug, "version": "4"}
    models = ada.client.get(f"{PATH}/compare", query).json()["models"]
    assert {one["modelId"]: one["otherGroundTruth"] for one in models} == {"a": True, "b": False}


BOXES_AND_MOODS = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="Car"/></RectangleLabels><Choices name="mood" toName="image">'
    '<Choice value="good"/><Choice value="bad"/></Choices></View>'
)


@pytest.mark.parametrize(
    ("controls", "metric"), [(("label", "mood"), "accuracy"), (("mood", "label"), "mAP5095")]
)
def test_the_newest_evaluation_says_what_models_are_compared_by(
    ada: Caller, make_project: MakeProject, controls: tuple[str, str], metric: str
) -> None:
    made = make_project(ada, BOXES_AND_MOODS, title="Moods")
    car = box(CAR, 10, 10, 20, 20)
    good = {"from_name": "mood", "to_name": "image", "type": "choices"}
    truth = [car, {**good, "value": {"choices": ["good"]}}]
    said = [{**region, "score": 0.9} for region in truth]
    load(ada, made, [task("a", truth=truth, said={"v1": said, "v2": said})])
    for version, control in zip(("v1", "v2"), controls, strict=True):
        computed(ada, made, version, control=control, versionId="4", modelId=version)

    query = {"project": made.slug, "version": "4"}
    found = ada.client.get(f"{PATH}/compare", query).json()
    assert (found["frontierMetric"], metric in found["availableMetrics"]) == (metric, True)
    assert [(one["modelId"], one["onFrontier"]) for one in found["models"]] == [
        ("v2", True),
        ("v1", False),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"labelMap": {"Auto": "Bus"}}, {"labelMap": {"car": "Bus"}}),
        ({"classes": ["Auto"]}, {"classes": ["car"]}),
        ({"labelMap": {}}, {}),
    ],
)
def test_a_label_asked_for_as_stored_or_as_shown_is_one(
    ada: Caller, make_project: MakeProject, one: dict[str, Any], other: dict[str, Any]
) -> None:
    config = (
        '<View><Text name="text" value="$text"/><Choices name="c" toName="text">'
        '<Choice value="Auto" alias="car"/><Choice value="Bus"/></Choices></View>'
    )
    made = make_project(ada, config, title="Aliased")
    answer = [
        {"from_name": "c", "to_name": "text", "type": "choices", "value": {"choices": ["car"]}}
    ]
    item = {
        "data": {"text": "a"},
        "annotations": [{"result": answer, "ground_truth": True}],
        "predictions": [{"result": answer, "model_version": "v1"}],
    }
    load(ada, made, [item])
    first, second = (computed(ada, made, **asked) for asked in (one, other))
    path = f"{PATH}/{first.eval_id}/diff/{second.eval_id}"
    assert ada.client.get(path).json()["differingTerms"] == []
