"""Labels by their shown names, maps of trees, and classes that two sides write otherwise."""

from typing import Any

import pytest

from tests.conftest import Caller, MakeProject
from tests.evals.conftest import Json, box, computed, load, task

IMAGE = '<View><Image name="image" value="$image"/>{}</View>'
CHOICES = IMAGE.format(
    '<Choices name="c" toName="image" choice="{choice}"><Choice value="a"/>'
    '<Choice value="b" alias="bee"/><Choice value="d"/></Choices>'
)
TREE = IMAGE.format(
    '<Taxonomy name="c" toName="image"><Choice value="Animal" alias="animal"><Choice value="Dog"/>'
    '</Choice><Choice value="Toy"><Choice value="Dog"/></Choice></Taxonomy>'
)
B = "background"


def chosen(*names: Any, kind: str = "choices", score: float | None = None) -> Json:
    region = {"from_name": "c", "to_name": "image", "type": kind, "value": {kind: list(names)}}
    return region if score is None else {**region, "score": score}


def evaluated(
    caller: Caller, made: Any, pairs: list[tuple[list[Json], list[Json]]], **asked: Any
) -> tuple[Json, dict[tuple[str, str], int], dict[str, Any]]:
    """The header, the cells of the matrix, and the metrics of the evaluation of such tasks."""
    items = [task(f"t{n}", truth=truth, said={"v1": said}) for n, (truth, said) in enumerate(pairs)]
    if items:
        load(caller, made, items)
    found = computed(caller, made, **asked)
    assert found.status == "done", found.failure_reason
    path = f"/lab/model-evals/{found.eval_id}"
    panel = caller.client.get(f"{path}/confusion-matrix").json()
    names = panel["classes"]
    cells = {
        (names[actual], names[predicted]): n
        for actual, row in enumerate(panel["matrix"])
        for predicted, n in enumerate(row)
        if n
    }
    split = caller.client.get(f"{path}/map-results").json()["splits"]["test"]
    return caller.client.get(path).json(), cells, split["metrics"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {("a", "a"): 1, ("bee", "bee"): 1, (B, "d"): 1}),
        # A label is the same by either name, as what is mapped and as what it is mapped to.
        ({"labelMap": {"b": "d"}}, {("a", "a"): 1, ("d", "d"): 1}),
        ({"labelMap": {"bee": "d"}}, {("a", "a"): 1, ("d", "d"): 1}),
        ({"labelMap": {"d": "b"}}, {("a", "a"): 1, ("bee", "bee"): 1}),
        ({"labelMap": {"b": None}}, {("a", "a"): 1, (B, "d"): 1}),
        ({"classes": ["b"]}, {("bee", "bee"): 1}),
        ({"classes": ["bee", "d"]}, {("bee", "bee"): 1, (B, "d"): 1}),
        ({"classes": ["z"], "labelMap": {"b": "z", "d": "z"}}, {("z", "z"): 1}),
        ({"classes": ["a"], "labelMap": {"a": "d", "d": "a"}}, {(B, "a"): 1}),
    ],
)
def test_labels_by_either_name(
    ada: Caller, make_project: MakeProject, asked: Json, expected: dict[tuple[str, str], int]
) -> None:
    made = make_project(ada, CHOICES.replace("{choice}", "multiple"), title="Choices")
    pairs = [([chosen("a", "bee")], [chosen("a", "b", "d")])]
    assert evaluated(ada, made, pairs, **asked)[1] == expected


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"labelMap": {"a": "z"}, "classes": ["a"]}, "classes: 'a' is called 'z' by the labelMap."),
        (
            {"labelMap": {"bee": "z"}, "classes": ["b"]},
            "classes: 'b' is called 'z' by the labelMap.",
        ),
        ({"labelMap": {"a": None}, "classes": ["a"]}, "classes: 'a' is not read by the labelMap."),
        (
            {"labelMap": {"b": "y", "bee": "z"}},
            "labelMap: 'bee' and 'b' are one label, stored and shown: give both the same class, or "
            "leave one out.",
        ),
    ],
)
def test_a_map_that_contradicts_itself_or_the_classes_is_refused(
    ada: Caller, make_project: MakeProject, asked: Json, message: str
) -> None:
    made = make_project(ada, CHOICES.replace("{choice}", "multiple"), title="Choices")
    load(ada, made, [task("t", truth=[chosen("a")], said={"v1": [chosen("a")]})])
    body = {"project": made.slug, "modelVersion": "v1", **asked}
    answer = ada.client.post("/lab/model-evals", body, format="json")
    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid_request", "message": message}


SWAPPED = IMAGE.format(
    '<RectangleLabels name="label" toName="image"><Label value="Car" alias="Dog"/>'
    '<Label value="Dog" alias="Car"/></RectangleLabels>'
)


@pytest.mark.parametrize("asked", [{}, {"labelMap": {"other": None}}])
def test_a_stored_name_is_no_shown_one(ada: Caller, make_project: MakeProject, asked: Json) -> None:
    made = make_project(ada, SWAPPED, title="Swapped")
    car, dog = box("Car", 10, 10, 20, 20), box("Dog", 50, 50, 20, 20)
    assert evaluated(ada, made, [([car, dog], [car, dog])], **asked)[1] == {
        ("Car", "Car"): 1,
        ("Dog", "Dog"): 1,
    }


@pytest.mark.parametrize(
    ("label_map", "cells", "metrics"),
    [
        # What is above a node follows from what it is called.
        (
            {"Animal / Dog": "Toy / Dog"},
            {("Toy", "Toy"): 1, ("Toy / Dog", "Toy / Dog"): 1},
            {"accuracy": 1.0, "jaccard": 1.0, "hierarchicalF1": 1.0},
        ),
        (
            {"animal": "Toy"},
            {("Toy", "Toy"): 1, ("Toy / Dog", "Toy / Dog"): 1},
            {"accuracy": 1.0, "jaccard": 1.0, "hierarchicalF1": 1.0},
        ),
        # One step: they swap.
        (
            {"Animal": "Toy", "Toy": "Animal"},
            {("Toy", B): 1, ("Toy / Dog", B): 1, (B, "animal"): 1, (B, "animal / Dog"): 1},
            {"accuracy": 0.0, "jaccard": 0.0, "hierarchicalF1": 0.0},
        ),
        (
            {"Animal": None},
            {(B, "Toy"): 1, (B, "Toy / Dog"): 1},
            {"accuracy": 0.0, "jaccard": 0.0, "hierarchicalF1": 0.0},
        ),
    ],
)
def test_maps_of_trees(
    ada: Caller,
    make_project: MakeProject,
    label_map: Json,
    cells: dict[tuple[str, str], int],
    metrics: Json,
) -> None:
    made = make_project(ada, TREE, title="Tree")
    truth = [chosen(["Animal", "Dog"], kind="taxonomy")]
    said = [chosen(["Toy", "Dog"], kind="taxonomy")]
    _, found, measured = evaluated(ada, made, [(truth, said)], labelMap=label_map)
    assert found == cells
    assert {name: measured[name] for name in metrics} == metrics


SIMILAR = (
    "Predictions have classes that the ground truth has but for case, spaces or the form of their "
    "letters: {}. They count as other classes; ask again with the labelMap of this warning to "
    "count them as these."
)


@pytest.mark.parametrize(
    ("true", "said", "pairs"),
    [
        (["Car", "é"], ["Car", "e\u0301"], {"e\u0301": "é"}),
        (["Car", "Red  Bus"], ["Car", "red bus "], {"red bus ": "Red  Bus"}),
        # A byte order mark and a space of no width, as copied files and tables have them.
        (["Car", "Bus"], ["Car", "\ufeffBu\u200bs"], {"\ufeffBu\u200bs": "Bus"}),
        # The ground truth tells them apart itself.
        (["Car", "car"], ["Car", "car"], {}),
        (["Car", "Bus"], ["Car", "Dog"], {}),
        (["Car", "Bus"], ["Car"], {}),
    ],
)
def test_classes_that_are_written_otherwise(
    ada: Caller, make_project: MakeProject, true: list[str], said: list[str], pairs: Json
) -> None:
    truth, predicted = (
        [box(name, 30 * n, 10, 20, 20) for n, name in enumerate(names)] for names in (true, said)
    )
    header, _, _ = evaluated(ada, make_project(ada), [(truth, predicted)])
    written = ", ".join(f"{name!r} for {other!r}" for name, other in pairs.items())
    warning = {"reason": "similar_classes", "labelMap": pairs, "message": SIMILAR.format(written)}
    assert header["warnings"] == ([warning] if pairs else [])


@pytest.mark.parametrize(
    ("truth", "said", "tasks"),
    [
        ([chosen("a", "d")], [chosen("a")], 1),
        ([chosen("a"), chosen("d")], [chosen("a", score=0.5), chosen("d", score=0.5)], 2),
        ([chosen("a"), chosen("a")], [chosen("a", score=0.9), chosen("d", score=0.5)], 0),
    ],
)
def test_several_answers_where_one_counts_are_told(
    ada: Caller, make_project: MakeProject, truth: list[Json], said: list[Json], tasks: int
) -> None:
    made = make_project(ada, CHOICES.replace("{choice}", "single"), title="Choices")
    header, cells, _ = evaluated(ada, made, [(truth, said)])
    assert cells == {("a", "a"): 1}
    told = [(one["reason"], one["regions"]) for one in header["warnings"]]
    assert told == ([("more_labels", tasks)] if tasks else [])


BOX_CONTROLS = IMAGE.format(
    '<RectangleLabels name="l1" toName="image">{}</RectangleLabels>'
    '<RectangleLabels name="l2" toName="image">{}</RectangleLabels>'
)
TEXT_CONTROLS = (
    '<View><Text name="image" value="$image"/><Labels name="l1" toName="image">{}</Labels>'
    '<Labels name="l2" toName="image">{}</Labels></View>'
)
ALIASED, PLAIN = '<Label value="Car" alias="c"/>', '<Label value="Car"/>'


@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize(
    ("labels", "second"),
    [
        # What is shown by the one is stored by the other.
        ((ALIASED, PLAIN), "Car"),
        # Both show it, and store something else.
        ((ALIASED, ALIASED.replace('"c"', '"k"')), "k"),
        ((ALIASED, PLAIN + '<Label value="c"/>'), "Car"),
    ],
)
def test_each_control_has_its_own_names(
    ada: Caller, make_project: MakeProject, labels: tuple[str, str], second: str, is_text: bool
) -> None:
    def at(control: str, name: str, score: float | None = None) -> Json:
        place = 10 if control == "l1" else 60
        if is_text:
            value = {"start": place, "end": place + 5, "labels": [name]}
            found = {"from_name": control, "to_name": "image", "type": "labels", "value": value}
            return found if score is None else {**found, "score": score}
        return {**box(name, place, 10, 20, 20, score), "from_name": control}

    config = (TEXT_CONTROLS if is_text else BOX_CONTROLS).format(*labels)
    made = make_project(ada, config, title="Two controls")
    truth = [at("l1", "c"), at("l2", second)]
    said = [at("l1", "Car", 0.9), at("l2", "Car", 0.8)]
    header, cells, _ = evaluated(ada, made, [(truth, said)])
    assert cells == {("c", "c"): 1, (second, second): 1}
    page = ada.client.get(f"/lab/model-evals/{header['evalId']}/image-predictions").json()
    path = f"/lab/model-evals/{header['evalId']}/image-predictions/{page['images'][0]['imageId']}"
    shown = ada.client.get(path).json()
    assert [one["class"] for one in shown["predictions"]] == ["c", second]
    assert {one["verdict"] for one in shown["predictions"]} == {"tp"}
    # The same of one control alone, and of classes that are mapped.
    _, cells, _ = evaluated(ada, made, [], control="l1")
    assert cells == {("c", "c"): 1}
    _, cells, _ = evaluated(ada, made, [], labelMap={"c": "Vehicle", second: "Vehicle"})
    assert cells == {("Vehicle", "Vehicle"): 2}


@pytest.mark.parametrize(
    ("config", "kind", "label_map", "unused"),
    [
        (CHOICES, "choices", {"a": "z", "bee": "a", "z": "a", "E": None, "e ": None}, ["E", "e "]),
        (TREE, "taxonomy", {"Animal": "Beast", "animal / Dog": None, "Dog": "Cat"}, ["Dog"]),
    ],
)
def test_names_of_the_map_that_no_label_has_are_told(
    ada: Caller,
    make_project: MakeProject,
    config: str,
    kind: str,
    label_map: Json,
    unused: list[str],
) -> None:
    """A typing error left the numbers as they were, without a word."""
    made = make_project(ada, config.replace("{choice}", "multiple"), title="Names")
    truth = [chosen("a", "z")] if kind == "choices" else [chosen(["animal", "Dog"], kind=kind)]
    header, *_ = evaluated(ada, made, [(truth, truth)], labelMap=label_map)
    told = [one["message"] for one in header["warnings"] if one["reason"] == "unused_label_map"]
    names = ", ".join(map(repr, unused))
    assert told == [
        f"The labelMap renames {names}: neither the labelling config nor any region that was read "
        "has a label of that name, so this changes nothing."
    ]


@pytest.mark.parametrize("rotation", [0, 30])
def test_names_of_the_map_that_boxes_have_are_used(
    ada: Caller, make_project: MakeProject, rotation: float
) -> None:
    made = make_project(ada, title="Boxes")
    truth = [box("Car", 10, 10, 20, 20), box("van", 50, 50, 20, 20)]
    said = [box("auto", 10, 10, 20, 20, 0.9), box("bus", 50, 50, 20, 20, 0.8)]
    for one in said:
        one["value"]["rotation"] = rotation
    load(ada, made, [task("t", truth=truth, said={"v1": said})])
    label_map = {"auto": "Car", "van": "Bus", "bus": "Bus", "lorry": None, "Person": None}
    warnings = computed(ada, made, labelMap=label_map).warnings
    assert [one["reason"] for one in warnings] == ["unused_label_map"]
    assert warnings[0]["message"].startswith("The labelMap renames 'lorry': neither")


@pytest.mark.parametrize(
    ("classes", "unknown"),
    [
        (["Car", "lorry"], ["lorry"]),
        (["Car", "person", "van"], ["person"]),
        (["Car", "Person"], []),
    ],
)
def test_classes_that_there_are_not_are_told(
    ada: Caller, make_project: MakeProject, classes: list[str], unknown: list[str]
) -> None:
    """What was meant was left out, and the class that was written had nothing."""
    made = make_project(ada, title="Asked")
    truth = [box(name, 30 * n, 10, 20, 20) for n, name in enumerate(["Car", "van", "Bus"])]
    header, *_ = evaluated(ada, made, [(truth, truth)], classes=classes)
    told = [one for one in header["warnings"] if one["reason"] == "unknown_classes"]
    assert [one["message"].partition("any region has ")[2] for one in told] == [
        f"{name!r}." for name in unknown
    ]


CARS = IMAGE.format(
    '<RectangleLabels name="label" toName="image"><Label value="Car" alias="van"/>'
    '<Label value="Bus"/></RectangleLabels><RectangleLabels name="b" toName="image">'
    '<Label value="Car" alias="taxi"/></RectangleLabels>'
)


@pytest.mark.parametrize(
    ("asked", "field", "expected"),
    [
        ({"labelMap": {"Car": "X"}}, "labelMap", None),
        ({"labelMap": {"Bus": "Car"}}, "labelMap", None),
        ({"classes": ["Car"]}, "classes", None),
        ({"labelMap": {"van": "X", "taxi": "X"}}, "", {("X", "X"): 2}),
        ({"labelMap": {"Car": "X", "van": "X"}}, "", {("X", "X"): 2}),
        ({"classes": ["van"]}, "", {("van", "van"): 1}),
        ({"classes": ["Car"], "control": "label"}, "", {("van", "van"): 1}),
    ],
)
def test_a_name_that_controls_show_for_labels_of_their_own(
    ada: Caller, make_project: MakeProject, asked: Json, field: str, expected: Any
) -> None:
    """It is refused where it would stand for one of them alone."""
    made = make_project(ada, CARS, title="Cars")
    regions = [box("Car", 0, 0, 9, 9, 0.9), {**box("Car", 50, 50, 9, 9, 0.9), "from_name": "b"}]
    if expected is not None:
        assert evaluated(ada, made, [(regions, regions)], **asked)[1] == expected
        return
    load(ada, made, [task("t", truth=regions, said={"v1": regions})])
    body = {"project": made.slug, "modelVersion": "v1", **asked}
    answer = ada.client.post("/lab/model-evals", body, format="json")
    message = (
        f"{field}: 'Car' is what several labels are called, stored as 'taxi', 'van'. "
        "Name them as they are stored, or choose a control."
    )
    assert (answer.status_code, answer.json()["message"]) == (400, message)
