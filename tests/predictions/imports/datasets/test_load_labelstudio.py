"""`manage.py load labelstudio`: tasks as Label Studio exports and imports them."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from evals.models import ModelEval
from predictions.models import Annotation, Prediction, Project, Task
from tests.conftest import Caller, MakeProject
from tests.predictions.imports.datasets.loading import load
from tests.predictions.imports.datasets.scenes import both, refused, said, tasks, truths

Json = dict[str, Any]
CONFIG = """<View>
  <Image name="photo" value="$image"/>
  <RectangleLabels name="box" toName="photo">
    <Label value="Car"/>
    <Label value="Bus"/>
  </RectangleLabels>
  <Choices name="weather" toName="photo" choice="multiple">
    <Choice value="sun"/>
    <Choice value="rain"/>
  </Choices>
</View>"""


def box(label: str, x: float = 10, **more: Any) -> Json:
    value = {"x": x, "y": 20, "width": 30.5, "height": 40, "rectanglelabels": [label]}
    return {
        "id": "Zq1", "from_name": "box", "to_name": "photo", "type": "rectanglelabels",
        "original_width": 640, "original_height": 480, "value": value, **more,
    }  # fmt: skip


def weather(*names: str) -> Json:
    return {
        "from_name": "weather", "to_name": "photo", "type": "choices",
        "value": {"choices": list(names)},
    }  # fmt: skip


def annotation(*result: Any, **more: Any) -> Json:
    return {"id": 5, "completed_by": 1, "result": list(result), "lead_time": 3.5, **more}


def prediction(*result: Json, **more: Any) -> Json:
    return {"model_version": "theirs", "score": 0.25, "result": list(result), **more}


def task(name: str, **more: Any) -> Json:
    return {"id": 900, "data": {"image": f"s3://photos/{name}", "by": "Ada"}, **more}


TRUTH = [
    task("a.jpg", meta={"image_id": "7", "split": "valid"}, predictions=[31, 32], annotations=[
        annotation(box("Car")),
        annotation(box("Bus"), weather("sun", "rain"), ground_truth=True),
        annotation(box("Car", 99), was_cancelled=True),
    ]),
    task("b.jpg", annotations=[annotation()]),
    task("c.jpg", annotations=[annotation(box("Car"), was_cancelled=True)]),
]  # fmt: skip
SAID = [
    task("b.jpg", predictions=[prediction(box("Car"), score="0.5"), prediction(box("Bus", 1))]),
    task("other.jpg", meta={"image_id": 7}, predictions=[prediction(box("Bus", score=0.9))]),
]


def write(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def test_two_exports(ada: Caller, tmp_path: Path) -> None:
    _, warned = both("labelstudio", write(tmp_path / "t", TRUTH), write(tmp_path / "p", SAID))
    assert warned == [
        "Warning: 1 tasks have no annotation that is not cancelled: they have no ground truth."
    ]
    assert Project.objects.get().label_config == CONFIG
    assert tasks() == [
        ({"image": "s3://photos/a.jpg", "by": "Ada"}, {"image_id": "7", "split": "valid"}),
        ({"image": "s3://photos/b.jpg", "by": "Ada"}, {"split": "test"}),
        ({"image": "s3://photos/c.jpg", "by": "Ada"}, {"split": "test"}),
    ]
    assert truths() == [[box("Bus"), weather("sun", "rain")], []]
    assert said() == [[box("Bus", score=0.9)], [box("Bus", 1)], []]
    scores = Prediction.objects.order_by("task_id").values_list("model_version", "score")
    assert list(scores) == [("v1", 0.25), ("v1", 0.25), ("v1", None)]


def test_the_same_again_changes_nothing(ada: Caller, tmp_path: Path) -> None:
    files = write(tmp_path / "t", TRUTH), write(tmp_path / "p", SAID)
    both("labelstudio", *files)
    before = truths(), said(), tasks(), set(Prediction.objects.values_list("pk", flat=True))
    lines, _ = both("labelstudio", *files)
    assert "3 images, 4 classes, 0 new tasks, 0 ground truths, 0 predictions." in lines[0]
    after = truths(), said(), tasks(), set(Prediction.objects.values_list("pk", flat=True))
    assert after == before


def test_a_task_a_line_and_one_alone(ada: Caller, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(map(json.dumps, TRUTH)))
    load("labelstudio", "--ground-truth", path, "-P", "Lines")
    path.write_text(json.dumps(TRUTH[1], indent=1))
    load("labelstudio", "--ground-truth", path, "-P", "Alone")
    found = {one.title: one.tasks.count() for one in Project.objects.all()}
    assert found == {"Lines": 3, "Alone": 1}


def test_an_export_is_recognised_and_comes_back(ada: Caller, tmp_path: Path) -> None:
    both("labelstudio", write(tmp_path / "t", TRUTH), write(tmp_path / "p", SAID))
    project = Project.objects.get()
    paths = []
    for source in ("annotations", "predictions"):
        query = {"exportType": "JSON", "source": source, "download_all_tasks": 1}
        answer = ada.client.get(f"/api/projects/{project.pk}/export", query)
        paths.append(tmp_path / f"{source}.json")
        paths[-1].write_bytes(answer.getvalue())
    before = truths(), said()
    project.delete()
    _, warned = load(
        "--ground-truth", paths[0], "--predictions", paths[1], "-P", "Back",
        "--model-version", "v1",
    )  # fmt: skip
    assert warned[0] == f"{paths[0]} is taken for Label Studio's tasks (labelstudio)."
    assert (truths(), said()) == before


def test_texts_are_known_by_themselves(ada: Caller, tmp_path: Path) -> None:
    span = {
        "from_name": "ner", "to_name": "text", "type": "labels",
        "value": {"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]},
    }  # fmt: skip
    truth = [{"data": {"body": text}, "annotations": [annotation(span)]} for text in ("Ada", "Bob")]
    found = [{"data": {"body": "Bob"}, "predictions": [prediction(span)]}]
    both("labelstudio", write(tmp_path / "t", truth), write(tmp_path / "p", found))
    config = Project.objects.get().label_config
    assert '<Text name="text" value="$body"/>' in config
    assert said() == [[], [span]]
    assert Task.objects.get(pk=Prediction.objects.get(result=[span]).task_id).data["body"] == "Bob"


def test_labels_that_the_project_lacks(ada: Caller, tmp_path: Path) -> None:
    path = write(tmp_path / "t", TRUTH[1:2])
    both("labelstudio", path, write(tmp_path / "p", SAID[:1]))
    more = write(tmp_path / "m", [task("b.jpg", predictions=[prediction(box("Tram"))])])
    arguments = ("labelstudio", "--predictions", more, "-P", "Files", "--model-version", "v2")
    with pytest.raises(CommandError, match="config lacks 'Tram' in box"):
        load(*arguments)
    load(*arguments, "--add-labels")
    assert '<Label value="Tram" />' in Project.objects.get().label_config
    assert Annotation.objects.count() == 1


def test_a_node_that_the_projects_tree_lacks(
    ada: Caller, make_project: MakeProject, tmp_path: Path
) -> None:
    config = (
        '<View><Text name="text" value="$text"/>'
        '<Taxonomy name="of" toName="text"><Choice value="A"/></Taxonomy></View>'
    )
    made = make_project(ada, config, title="Tree")
    chosen = {
        "from_name": "of", "to_name": "text", "type": "taxonomy", "value": {"taxonomy": ["B"]},
    }  # fmt: skip
    truth = [{"data": {"text": "t"}, "annotations": [annotation(chosen)]}]
    path = write(tmp_path / "t", truth)
    load("labelstudio", "--ground-truth", path, "-P", str(made.pk), "--add-labels")
    made.refresh_from_db()
    assert '<Choice value="A" /><Choice value="B" /></Taxonomy>' in made.label_config


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ([{"image": "a.jpg"}], "[0]: Object missing required field `data`."),
        ([task("a", annotations=[{}])],
         "[0], annotations[0]: Object missing required field `result`."),
        ([task("a", annotations=[annotation(3)])],
         "[0]: Each item in prediction result should be dict"),
        ([task("a", annotations=[{"result": "Car"}])], "[0]: result must be a list of regions."),
        ([task("a", annotations=[annotation(box("a\0b"))])],
         "classes: 'a\\x00b' is no name: 1 to 500 characters, no control characters."),
        ([task("a", annotations=[annotation({**box("a"), "type": "lasso"})])],
         "'lasso' is no type of regions."),
        ([task("a", annotations=[annotation({**box("a"), "meta": {"text": "\0"}})])],
         "[0]: Null characters are not allowed."),
        ([task("a", meta={"split": "holdout"}, annotations=[annotation(box("a"))])],
         "[0]: 'holdout' is no split. Splits are train (training), valid (validation, val, dev),"
         " test (testing, eval)."),
        ([], "There are no images in the file."),
    ],
)  # fmt: skip
def test_bad_files_leave_nothing_behind(
    ada: Caller, tmp_path: Path, document: Any, error: str
) -> None:
    path = write(tmp_path / "t", document)
    assert refused("labelstudio", "--ground-truth", path, "-P", "Files") == [error]


def test_bad_predictions(ada: Caller, tmp_path: Path) -> None:
    path = write(tmp_path / "t", TRUTH)
    two = task("b.jpg", predictions=[prediction(), prediction(model_version="w")])
    arguments = ("--ground-truth", path, "-P", "Files", "--model-version", "v1", "--predictions")
    assert refused("labelstudio", *arguments, write(tmp_path / "p", [two])) == [
        "[0].predictions: has predictions of several versions, 'theirs', 'w': export one of them."
    ]
    gone = [task("nowhere.jpg", predictions=[prediction(box("Car"))])]
    assert refused("labelstudio", *arguments, write(tmp_path / "p", gone)) == [
        "[0]: this text is not among the images of the ground truth."
    ]


@pytest.mark.parametrize("score", ["nan", "inf", "high"])
def test_a_score_is_a_number(ada: Caller, tmp_path: Path, score: str) -> None:
    path = write(tmp_path / "t", TRUTH)
    odd = [task("b.jpg", predictions=[prediction(box("Car"), score=score)])]
    arguments = ("--ground-truth", path, "-P", "Files", "--model-version", "v1", "--predictions")
    assert refused("labelstudio", *arguments, write(tmp_path / "p", odd)) == [
        f"[0]: score must be a number, got {score}."
    ]


@pytest.mark.parametrize("name", ["confidence", "probability"])
def test_a_score_under_another_name_is_refused(ada: Caller, tmp_path: Path, name: str) -> None:
    """It was stored as a sure prediction."""
    path = write(tmp_path / "t", TRUTH)
    arguments = ("--ground-truth", path, "-P", "Files", "--model-version", "v1", "--predictions")
    told = {name: 0.4}
    odd = [task("b.jpg", predictions=[prediction(box("Car"), score=None, **told)])]
    assert refused("labelstudio", *arguments, write(tmp_path / "p", odd)) == [
        f"[0].predictions: has a {name} and no score, as which it is not read: call it score."
    ]
    beside = [task("b.jpg", predictions=[prediction(box("Car"), score=0.7, **told)])]
    load("labelstudio", *arguments, write(tmp_path / "q", beside))
    scores = Prediction.objects.filter(score__isnull=False).values_list("score", flat=True)
    assert list(scores) == [0.7]


DIALOGUE = (
    '<View><Paragraphs name="dialogue" value="$dialogue" layout="dialogue"/>'
    '<ParagraphLabels name="said" toName="dialogue"><Label value="X"/></ParagraphLabels></View>'
)
NUMBER = (
    '<View><Text name="n" value="$n"/><Choices name="c" toName="n"><Choice value="X"/></Choices>'
    "</View>"
)
BESIDE = (
    '<View><Text name="a" value="$a"/><Labels name="a1" toName="a"><Label value="X"/></Labels>'
    '<Text name="b" value="$b"/><Labels name="b1" toName="b"><Label value="X"/></Labels></View>'
)
PAGES = (
    '<View><Image name="photo" valueList="$pages"/>'
    '<RectangleLabels name="box" toName="photo"><Label value="Car"/></RectangleLabels></View>'
)


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        (PAGES, [{"pages": ["1.jpg", "2.jpg"]}, {"pages": ["1.jpg"]}]),
        (DIALOGUE, [{"dialogue": [{"text": t, "author": "Ada"}]} for t in ("hello", "hi")]),
        (NUMBER, [{"n": 5}, {"n": 6}]),
        (BESIDE, [{"a": "same", "b": "one"}, {"a": "same", "b": "two"}]),
    ],
    ids=["pages", "dialogue", "number", "two texts"],
)
def test_tasks_are_known_again_by_all_that_they_show(
    ada: Caller, make_project: MakeProject, tmp_path: Path, config: str, shown: list[Json]
) -> None:
    """Whatever it is, and in whatever order the predictions come."""
    make_project(ada, config, title="Files")
    truth = [{"data": data, "annotations": [annotation()]} for data in shown]
    path = write(tmp_path / "truth", truth)
    for n_new in (2, 0):
        lines, _ = load("labelstudio", "--ground-truth", path, "-P", "Files")
        assert f"{n_new} new tasks" in lines[0]
    said_ = [{"data": data, "predictions": [prediction(score=n)]} for n, data in enumerate(shown)]
    path = write(tmp_path / "said", said_[::-1])
    load("labelstudio", "--predictions", path, "-P", "Files", "--model-version", "v1")
    data_of = dict(Task.objects.values_list("pk", "data"))
    found = Prediction.objects.order_by("task_id").values_list("task_id", "score")
    assert [(data_of[pk], n) for pk, n in found] == [(data, n) for n, data in enumerate(shown)]


@pytest.mark.parametrize("key", ["photo", "pages"])
def test_pages_become_pages(ada: Caller, tmp_path: Path, key: str) -> None:
    """Else a box of the second page is compared with one of the first."""
    first, second = box("Car", item_index=0), box("Car", item_index=1, score=0.5)
    one = {"annotations": [annotation(first)], "predictions": [prediction(second)]}
    path = write(tmp_path / "tasks", [{"data": {key: ["1.jpg", "2.jpg"]}, **one}])
    lines, _ = both("labelstudio", path, path, "--evaluate")
    (project,) = Project.objects.all()
    assert f'<Image name="photo" valueList="${key}"/>' in project.label_config
    evaluation = ModelEval.objects.get(eval_id=lines[-1])
    assert evaluation.summary is not None
    assert evaluation.summary["metrics"]["mAP"] == 0


def test_the_only_key_of_the_data_is_what_is_shown(ada: Caller, tmp_path: Path) -> None:
    value = {"start": "0", "end": "0", "startOffset": 0, "endOffset": 2, "paragraphlabels": ["X"]}
    said_ = {"from_name": "l", "to_name": "p", "type": "paragraphlabels", "value": value}
    data = {"dialogue": [{"author": "Ada", "text": "hello"}]}
    path = write(tmp_path / "tasks", [{"data": data, "annotations": [annotation(said_)]}])
    load("labelstudio", "--ground-truth", path, "-P", "Files")
    assert '<Paragraphs name="p" value="$dialogue"/>' in Project.objects.get().label_config


@pytest.mark.parametrize(
    ("true", "told", "most"),
    [
        ([2, 10], [7], ' maxRating="10"'),
        ([2], [7, "8"], ' maxRating="8"'),
        ([7], [9], ' maxRating="9"'),
        ([5], [1], ""),
        ([2], [0, 5.5, 101, "many", None], ""),
    ],
)
def test_a_new_rating_has_the_stars_that_are_seen(
    ada: Caller, tmp_path: Path, true: list[Any], told: list[Any], most: str
) -> None:
    """Evaluations pass over those that the config does not have."""

    def rated(stars: Any) -> Json:
        value = {"rating": stars}
        return {"from_name": "q", "to_name": "text", "type": "rating", "value": value}

    truth = [{"data": {"text": f"t{n}"}, "annotations": [annotation(rated(n))]} for n in true]
    found = [{"data": {"text": f"t{true[0]}"}, "predictions": [prediction(*map(rated, told))]}]
    both("labelstudio", write(tmp_path / "t", truth), write(tmp_path / "p", found))
    config = Project.objects.get().label_config.replace(" />", "/>")
    assert f'<Rating name="q" toName="text"{most}/>' in config


def test_equal_texts_are_told_apart_by_what_else_the_config_shows(
    ada: Caller, make_project: MakeProject, tmp_path: Path
) -> None:
    """A question that nothing is marked on, in another order than the tasks of the project."""
    config = (
        '<View><Text name="asked" value="$asked"/><Text name="text" value="$text"/>'
        '<Choices name="c" toName="text"><Choice value="a"/><Choice value="b"/></Choices></View>'
    )

    def answer(name: str) -> Json:
        value = {"choices": [name]}
        return {"from_name": "c", "to_name": "text", "type": "choices", "value": value}

    project = make_project(ada, config, title="Asked")
    data = [{"asked": "who?", "text": "Ada met Bob"}, {"asked": "whom?", "text": "Ada met Bob"}]
    for one in data:
        ada.client.post("/api/tasks/", {"project": project.pk, "data": one}, format="json")
    document = [
        {"data": one, "predictions": [prediction(answer(name))]}
        for one, name in zip(reversed(data), "ba", strict=True)
    ]
    load(
        "labelstudio", "--predictions", write(tmp_path / "a.json", document),
        "-P", project.pk, "--model-version", "v1",
    )  # fmt: skip
    rows = Prediction.objects.all()
    chosen = {one.task.data["asked"]: one.result[0]["value"]["choices"] for one in rows}
    assert chosen == {"who?": ["a"], "whom?": ["b"]}
