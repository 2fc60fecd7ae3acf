"""Labels that model and project call by other names: mapped, restricted, and said so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from evals.models import ModelEval
from predictions.models import Project
from tests.conftest import IMAGE_CONFIG, Caller, MakeProject
from tests.evals.conftest import Json, box, computed, load, task

TRUTH = [box("Car", 10, 10, 20, 20), box("Person", 50, 50, 20, 20)]
SAID = [
    box("automobile", 10, 10, 20, 20, 0.9),
    box("bus", 70, 10, 20, 20, 0.8),
    box("Person", 50, 50, 20, 20, 0.7),
]


@pytest.fixture
def cars(ada: Caller, project: Project) -> Project:
    """One task whose cars the model calls automobiles, and a bus."""
    load(ada, project, [task("a", truth=TRUTH, said={"v1": SAID})])
    return project


def shown(caller: Caller, found: ModelEval) -> tuple[Json, list[list[int]]]:
    path = f"/lab/model-evals/{found.eval_id}"
    matrix: list[list[int]] = caller.client.get(f"{path}/confusion-matrix").json()["matrix"]
    return caller.client.get(path).json(), matrix


@pytest.mark.parametrize(
    ("asked", "classes", "matrix", "ignored"),
    [
        (
            {},
            ["Car", "Person", "automobile", "bus"],
            [
                [0, 0, 1, 0, 0],
                [0, 1, 0, 0, 0],
                [0, 0, 0, 0, 0],
                [0, 0, 0, 0, 0],
                [0, 0, 0, 1, 0],
            ],
            [],
        ),
        (
            {"labelMap": {"automobile": "Car", "bus": None}},
            ["Car", "Person"],
            [[1, 0, 0], [0, 1, 0], [0, 0, 0]],
            [("other_class", "predictions", 1)],
        ),
        (
            {"labelMap": {"automobile": "Car"}},
            ["Car", "Person", "bus"],
            [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]],
            [],
        ),
        # To a class that neither knows, and of the config's own.
        (
            {"labelMap": {"automobile": "Vehicle", "bus": "Vehicle", "Car": "Vehicle"}},
            ["Vehicle", "Person"],
            [[1, 0, 0], [0, 1, 0], [1, 0, 0]],
            [],
        ),
        (
            {"labelMap": {"Car": None, "automobile": None, "bus": None}},
            ["Person"],
            [[1, 0], [0, 0]],
            [("other_class", "groundTruth", 1), ("other_class", "predictions", 2)],
        ),
        (
            {"classes": ["Person", "Person"]},
            ["Person"],
            [[1, 0], [0, 0]],
            [("other_class", "groundTruth", 1), ("other_class", "predictions", 2)],
        ),
        (
            {"labelMap": {"automobile": "Car"}, "classes": ["bus", "Car"]},
            ["Car", "bus"],
            [[1, 0, 0], [0, 0, 0], [0, 1, 0]],
            [("other_class", "groundTruth", 1), ("other_class", "predictions", 1)],
        ),
    ],
)
def test_labels(
    ada: Caller,
    cars: Project,
    asked: Json,
    classes: list[str],
    matrix: list[list[int]],
    ignored: list[tuple[str, str, int]],
) -> None:
    found = computed(ada, cars, **asked)

    header, counted = shown(ada, found)
    assert (header["status"], header["classes"], counted) == ("done", classes, matrix)
    assert header.get("labelMap") == asked.get("labelMap")
    reasons = [(one["reason"], one["side"], one["regions"]) for one in header["ignored"]]
    assert (reasons, header["warnings"]) == (ignored, [])
    again = ada.client.post(f"/lab/model-evals/{found.eval_id}/rerun").json()
    assert again.get("labelMap") == asked.get("labelMap")


ALIASED = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="Car" alias="car"/></RectangleLabels></View>'
)


def test_a_map_knows_labels_by_either_name(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, ALIASED, title="Aliases")
    said = [box("auto", 10, 10, 20, 20, 0.9)]
    for name, truth in (("a", "Car"), ("b", "car")):
        load(ada, made, [task(name, truth=[box(truth, 10, 10, 20, 20)], said={"v1": said})])
    header, matrix = shown(ada, computed(ada, made, labelMap={"auto": "vehicle", "car": "vehicle"}))

    assert (header["classes"], matrix) == (["vehicle"], [[2, 0], [0, 0]])


def choice(name: str, score: float | None = None) -> Json:
    region = {"from_name": "c", "to_name": "t", "type": "choices", "value": {"choices": [name]}}
    return region if score is None else {**region, "score": score}


def test_choices(ada: Caller, make_project: MakeProject) -> None:
    config = (
        '<View><Text name="t" value="$text"/><Choices name="c" toName="t">'
        '<Choice value="pos"/><Choice value="neg"/></Choices></View>'
    )
    made = make_project(ada, config, title="Choices")
    items = [("pos", "POSITIVE"), ("neg", "NEGATIVE"), ("neg", "other")]
    load(
        ada,
        made,
        [
            task(true, truth=[choice(true)], said={"v1": [choice(said, 0.9)]})
            for true, said in items
        ],
    )
    label_map = {"POSITIVE": "pos", "NEGATIVE": "neg", "other": None}
    header, matrix = shown(ada, computed(ada, made, labelMap=label_map))

    assert header["summary"]["primary"]["value"] == 2 / 3
    assert matrix == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]


def warned(caller: Caller, project: Project, said: list[str], **asked: Any) -> list[Json]:
    regions = [box(name, 10, 10, 20, 20, 0.9) for name in said]
    load(caller, project, [task("a", truth=TRUTH, said={"v1": regions})])
    header, _ = shown(caller, computed(caller, project, **asked))
    warnings: list[Json] = header["warnings"]
    return warnings


START = "Ground truth and predictions share no class. The ground truth has Car, Person; "


@pytest.mark.parametrize(
    ("said", "label_map", "message"),
    [
        (
            ["car", "dog"],
            {"car": "Car"},
            "the predictions have car, dog. Some are equal but for case, spaces or the form of "
            "their letters: ask again with the labelMap of this warning.",
        ),
        (
            ["dog"],
            {},
            "the predictions have dog. Ask with a labelMap from the names of the predictions to "
            "those of the ground truth.",
        ),
    ],
)
def test_sides_that_share_no_class(
    ada: Caller, project: Project, said: list[str], label_map: dict[str, str], message: str
) -> None:
    assert warned(ada, project, said) == [
        {"reason": "no_shared_class", "labelMap": label_map, "message": START + message}
    ]


def test_the_proposed_map_helps(ada: Caller, project: Project) -> None:
    (warning,) = warned(ada, project, ["car", "PERSON"])
    header, _ = shown(ada, computed(ada, project, labelMap=warning["labelMap"]))

    assert (header["warnings"], header["classes"]) == ([], ["Car", "Person"])
    assert header["labelMap"] == {"car": "Car", "PERSON": "Person"}


def test_the_proposed_map_keeps_what_was_asked(ada: Caller, project: Project) -> None:
    asked = {"auto": "CAR", "bus": None, "truck": "Lorry"}
    (warning,) = warned(ada, project, ["auto", "person", "bus", "truck"], labelMap=asked)
    wanted = {"CAR": "Car", "person": "Person", "auto": "Car", "bus": None, "truck": "Lorry"}
    assert (warning["reason"], warning["labelMap"]) == ("no_shared_class", wanted)

    header, _ = shown(ada, computed(ada, project, labelMap=wanted))
    # No label is CAR by itself, which the first evaluation could not know.
    assert [one["reason"] for one in header["warnings"]] == ["unused_label_map"]
    assert header["classes"] == ["Car", "Person", "Lorry"]


def test_a_class_is_known_by_its_shown_name_as_well(ada: Caller, make_project: MakeProject) -> None:
    aliased = IMAGE_CONFIG.replace('value="Person"', 'value="Person" alias="p"')
    made = make_project(ada, aliased, title="Aliased")
    regions = [box(name, 10, 10, 20, 20, 0.9) for name in ("Car", "person")]
    load(ada, made, [task("a", truth=TRUTH, said={"v1": regions})])
    header, _ = shown(ada, computed(ada, made))
    (warning,) = header["warnings"]
    assert (warning["reason"], warning["labelMap"]) == ("similar_classes", {"person": "p"})


@pytest.mark.parametrize("said", [["Car", "dog"], []])
def test_no_warning(ada: Caller, project: Project, said: list[str]) -> None:
    assert warned(ada, project, said) == []


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"labelMap": ["Car"]}, "labelMap"),
        ({"labelMap": {"car": True}}, "labelMap"),
        ({"labelMap": {"car": ""}}, "labelMap"),
        ({"labelMap": {"car": {"a": 1}}}, "labelMap"),
        ({"classes": []}, "classes"),
        ({"classes": "Car"}, "classes"),
        ({"classes": [None]}, "classes"),
        ({"classes": [""]}, "classes"),
    ],
)
def test_refuses(ada: Caller, cars: Project, asked: Json, word: str) -> None:
    body = {"project": "cars", "modelVersion": "v1", **asked}
    answer = ada.client.post("/lab/model-evals", body, content_type="application/json")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert word in answer.json()["message"]
    assert not ModelEval.objects.exists()


def test_the_command_takes_a_file(
    cars: Project, tmp_path: Path, make_project: Callable[..., Project]
) -> None:
    file = tmp_path / "labels.json"
    file.write_text('{"automobile": "Car", "bus": null}')
    asked = {"project": "cars", "model_version": "v1"}
    call_command("evaluate", "--map-labels", str(file), **asked)
    found = ModelEval.objects.get()

    assert (found.status, found.classes) == ("done", ["Car", "Person"])
    assert found.options == {"labelMap": {"automobile": "Car", "bus": None}}
    file.write_text("{")
    with pytest.raises(CommandError, match="map-labels"):
        call_command("evaluate", "--map-labels", str(file), **asked)


@pytest.mark.parametrize("said", [["Car"], ["Person", "Car"], ["car", "Person"]])
def test_a_class_that_the_ground_truth_writes_in_two_ways_is_told(
    ada: Caller, project: Project, said: list[str]
) -> None:
    """The one way was missed, whatever was predicted, without a word."""
    truth = [box(name, 10 + 30 * n, 10, 20, 20) for n, name in enumerate(["car", "Car", "Person"])]
    regions = [box(name, 10 + 30 * n, 10, 20, 20, 0.9) for n, name in enumerate(said)]
    load(ada, project, [task("a", truth=truth, said={"v1": regions})])
    (warning,) = computed(ada, project).warnings
    assert (warning["reason"], warning["labelMap"]) == ("similar_classes", {"car": "Car"})
    assert "more than one way" in warning["message"]
    header, _ = shown(ada, computed(ada, project, labelMap=warning["labelMap"]))
    assert (header["warnings"], header["classes"]) == ([], ["Car", "Person"])


def test_classes_that_the_config_tells_apart_are_two(
    ada: Caller, make_project: MakeProject
) -> None:
    letters = IMAGE_CONFIG.replace('value="Person"', 'value="car"')
    made = make_project(ada, letters, title="Letters")
    truth = [box(name, 10 + 30 * n, 10, 20, 20) for n, name in enumerate(["car", "Car"])]
    load(ada, made, [task("a", truth=truth, said={"v1": [{**one, "score": 1} for one in truth]})])
    assert computed(ada, made).warnings == []


@pytest.mark.parametrize("identity", [True, False])
def test_a_region_that_is_passed_over_may_have_any_id(
    ada: Caller, project: Project, identity: bool
) -> None:
    """The evaluation was answered 500."""
    odd = {**box("Car", 10, 10, 20, 20), "id": identity}
    odd["value"] = {**odd["value"], "rectanglelabels": []}
    load(ada, project, [task("a", truth=[odd, *TRUTH], said={"v1": TRUTH})])
    header, _ = shown(ada, computed(ada, project))
    assert [(one["reason"], one["example"]["region"]) for one in header["ignored"]] == [
        ("no_label", 0)
    ]


RENAMED = IMAGE_CONFIG.replace('value="Car"', 'value="Auto"')
UNLISTED = {
    "reason": "unlisted_classes",
    "message": "The ground truth has classes that the labelling config lacks: 'Car'; of those that "
    "it has, predictions alone have 'Auto'. Was a label renamed? What was stored before keeps the "
    "old name and counts as another class: ask with a labelMap from the one to the other.",
}


@pytest.mark.parametrize(
    ("truth", "said", "asked", "expected"),
    [
        # The truth was stored before the label was renamed, the predictions afterwards.
        (["Car"], ["Auto"], {}, [UNLISTED]),
        # Some predictions were stored before, too.
        (["Car"], ["Auto", "Car"], {}, [UNLISTED]),
        # What a model says beside the config's classes is what it is.
        (["Auto"], ["Auto", "Car"], {}, []),
        (["Auto"], ["Car"], {}, []),
        (["Car"], ["Car"], {}, []),
        (["Car"], [], {}, []),
        # The request says what is meant.
        (["Car"], ["Auto"], {"labelMap": {"Car": "Auto"}}, []),
        (["Car"], ["Auto"], {"classes": ["Auto", "Car", "Person"]}, []),
    ],
)
def test_a_label_of_the_config_was_renamed(
    ada: Caller,
    make_project: MakeProject,
    truth: list[str],
    said: list[str],
    asked: Json,
    expected: list[Json],
) -> None:
    made = make_project(ada, RENAMED, title="Renamed")
    # What both sides share: else all their classes are told of.
    sides = [
        [box("Person", 50, 50, 20, 20), *(box(name, 10 + 30 * n, 10, 20, 20) for n, name in pairs)]
        for pairs in (enumerate(truth), enumerate(said))
    ]
    load(ada, made, [task("a", truth=sides[0], said={"v1": sides[1]})])
    found = computed(ada, made, **asked)
    assert (found.status, found.warnings) == ("done", expected)
