"""GET .../slices, .../intervals, and `slice=` on the routes that take it.

Images have one Car each: found, missed, or found with a stray Car beside it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evals.db import writes
from evals.engine.events import Counts
from evals.engine.resampling import scores
from evals.models import EvalAnswer, EvalImage, EvalPanel, ModelEval
from evals.panels import slices as slices_panel
from predictions.models import Project
from tests.conftest import Caller
from tests.evals.conftest import CAR, Json, box, computed, load, task
from tests.evals.draws import counted, plain_bootstrap, plain_jackknife, precision_left_out

TRUTH = [box(CAR, 10, 10, 20, 20)]
FOUND = [box(CAR, 10, 10, 20, 20, 0.9)]
STRAY = [*FOUND, box(CAR, 60, 60, 20, 20, 0.6)]
MISSED: list[Json] = []
#: Name, what is said, meta, data.
IMAGES: list[tuple[str, list[Json], Json, Json]] = [
    ("a", FOUND, {"camera": "gate", "night": False, "lux": 10, "place": {"site": "north"}}, {}),
    ("b", STRAY, {"camera": "gate", "night": True, "lux": 10.5}, {"source": "phone"}),
    ("c", MISSED, {"camera": "yard", "night": True, "split": "train"}, {"source": "phone"}),
    ("d", FOUND, {"camera": None, "night": False, "place": ["north"]}, {"source": ""}),
    ("e", FOUND, {"camera": "gate", "tags": ["x"]}, {"source": {"deep": "web"}}),
]
KEYS = "The keys are meta.camera, meta.lux, meta.night."


def tasks_of(images: list[tuple[str, list[Json], Json, Json]]) -> list[Json]:
    made = []
    for name, said, meta, data in images:
        one = task(name, truth=TRUTH, said={"v1": said, "v2": FOUND}, **meta)
        one["data"] |= data
        made.append(one)
    return made


@pytest.fixture
def sliced(ada: Caller, project: Project) -> ModelEval:
    """The evaluation of v1 of IMAGES, sliced by nothing that was asked for."""
    load(ada, project, tasks_of(IMAGES))
    return computed(ada, project)


Ask = Callable[..., Any]


@pytest.fixture
def ask(ada: Caller) -> Ask:
    def send(evaluation: ModelEval, panel: str, **query: Any) -> Any:
        return ada.client.get(f"/lab/model-evals/{evaluation.eval_id}/{panel}", query)

    return send


def row(value: str, *counts: Any) -> Json:
    """Of images, TP, FP, FN, precision, recall, F1 and its interval."""
    names = ("images", "truePositives", "falsePositives", "falseNegatives")
    shares = ("precision", "recall", "f1", "f1Low", "f1High")
    return {"value": value, **dict(zip((*names, *shares), counts, strict=True))}


IMAGE_A, IMAGE_B, IMAGE_C = (1, 0, 0), (1, 1, 0), (0, 0, 1)


def test_slices(ask: Ask, sliced: ModelEval) -> None:
    low, high = plain_bootstrap(counted(IMAGE_A, IMAGE_B, IMAGE_A), 0.95)["f1"]
    assert ask(sliced, "slices", by="meta.camera", split="all").json() == {
        "evalId": sliced.eval_id,
        "project": "cars",
        "versionId": "v1",
        "modelId": None,
        "by": "meta.camera",
        "split": "all",
        "confidenceThreshold": 0.2,
        "slices": [
            row("gate", 3, 3, 1, 0, 0.75, 1.0, 6 / 7, pytest.approx(low), pytest.approx(high)),
            row("(none)", 1, 1, 0, 0, 1.0, 1.0, 1.0, 1.0, 1.0),
            row("yard", 1, 0, 0, 1, 0.0, 0.0, 0.0, 0.0, 0.0),
        ],
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"by": "meta.camera"}, [("gate", 3), ("(none)", 1)]),
        ({"by": "meta.camera", "split": "train"}, [("yard", 1)]),
        ({"by": "meta.camera", "split": "valid"}, []),
        ({"by": "meta.night", "split": "all"}, [("false", 2), ("true", 2), ("(none)", 1)]),
        ({"by": "meta.lux", "split": "all"}, [("(none)", 3), ("10", 1), ("10.5", 1)]),
    ],
)
def test_scalars_of_meta_are_slices_without_asking(
    ask: Ask, sliced: ModelEval, query: dict[str, Any], expected: list[tuple[str, int]]
) -> None:
    found = ask(sliced, "slices", **query).json()["slices"]
    assert [(one["value"], one["images"]) for one in found] == expected


def test_keys_may_be_met_in_any_order(ask: Ask, ada: Caller, project: Project) -> None:
    """The second task has the first one's key and two that come before and after it by name."""
    images: list[tuple[str, list[Json], Json, Json]] = [
        ("a", FOUND, {"lens": "wide"}, {}),
        ("b", FOUND, {"camera": "gate", "lens": "long", "zone": 2}, {}),
        ("c", FOUND, {"camera": "yard"}, {}),
    ]
    load(ada, project, tasks_of(images))
    evaluation = computed(ada, project)
    found = {
        key: {
            one["value"]: one["images"]
            for one in ask(evaluation, "slices", by=f"meta.{key}").json()["slices"]
        }
        for key in ("camera", "lens", "zone")
    }
    assert found == {
        "camera": {"(none)": 1, "gate": 1, "yard": 1},
        "lens": {"(none)": 1, "long": 1, "wide": 1},
        "zone": {"(none)": 2, "2": 1},
    }


@pytest.mark.parametrize("split", ["all", "test"])
@pytest.mark.parametrize("confidence", [0, 70])
@pytest.mark.parametrize("key", ["meta.camera", "meta.lux", "meta.night"])
def test_slices_add_up_to_the_split(
    ask: Ask, sliced: ModelEval, split: str, confidence: int, key: str
) -> None:
    query = {"split": split, "confidence": confidence}
    rows = ask(sliced, "slices", by=key, **query).json()["slices"]
    images = ask(sliced, "image-predictions", **query).json()["images"]
    names = ("truePositives", "falsePositives", "falseNegatives")
    assert {name: sum(row[name] for row in rows) for name in names} == {
        name: sum(image["stats"][name] for image in images) for name in names
    }
    assert sum(row["images"] for row in rows) == len(images)


def test_asked_for(ask: Ask, ada: Caller, project: Project) -> None:
    load(ada, project, tasks_of(IMAGES))
    keys = ["data.source", "meta.place.site", "meta.split", "meta.camera", "meta.nowhere"]
    found = computed(ada, project, slices=keys)

    assert found.slices == [*keys, "meta.lux", "meta.night"]
    assert ada.client.get(f"/lab/model-evals/{found.eval_id}").json()["slices"] == keys
    by_key = {
        key: [(s["value"], s["images"]) for s in listed["slices"]]
        for key in keys
        if (listed := ask(found, "slices", by=key, split="all").json())
    }
    assert by_key == {
        "data.source": [("(none)", 2), ("phone", 2), ("", 1)],
        "meta.place.site": [("(none)", 4), ("north", 1)],
        "meta.split": [("(none)", 4), ("train", 1)],
        "meta.camera": [("gate", 3), ("(none)", 1), ("yard", 1)],
        "meta.nowhere": [("(none)", 5)],
    }
    again = ada.client.post(f"/lab/model-evals/{found.eval_id}/rerun").json()
    assert again["slices"] == keys


def test_without_any_nothing_is_stored(ada: Caller, evaluation: ModelEval, ask: Ask) -> None:
    assert evaluation.slices == []
    assert not EvalPanel.objects.filter(kind=EvalPanel.Kind.SLICES).exists()
    assert {bytes(one.slices) for one in EvalImage.objects.all()} == {b""}
    answer = ask(evaluation, "slices", by="meta.camera")
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "unknown_slice",
            "message": "by must be one of the keys. This evaluation has no slices.",
        },
    )


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ("meta.camera", 'slices: Expected a list of items but got type "str".'),
        (["camera"], "slices: 0: A key begins with meta. or data., as in meta.camera."),
        (["meta."], "slices: 0: A key begins with meta. or data., as in meta.camera."),
        (["data.a\0"], "slices: 0: Null characters are not allowed."),
        (["meta." + "x" * 201], "slices: 0: Ensure this field has no more than 205 characters."),
        ([f"meta.{n}" for n in range(9)], "slices: Ensure this field has no more than 8 elements."),
        ([7], "slices: 0: A key begins with meta. or data., as in meta.camera."),
    ],
)
def test_refused_requests(ada: Caller, project: Project, slices: Any, message: str) -> None:
    asked = {"project": "cars", "modelVersion": "v1", "slices": slices}
    answer = ada.client.post("/lab/model-evals", asked, format="json")
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "invalid_request", "message": message},
    )
    assert not ModelEval.objects.exists()


def test_a_key_with_too_many_values_is_no_slice(ask: Ask, ada: Caller, project: Project) -> None:
    texts = [{"serial": str(n), "kind": n % 200, "text": "x" * 199 + f"{n}"} for n in range(201)]
    load(ada, project, tasks_of([(f"i{n}", FOUND, meta, {}) for n, meta in enumerate(texts)]))
    silent, told = computed(ada, project), computed(ada, project, slices=["meta.serial"])

    assert (silent.slices, silent.warnings) == (["meta.kind", None, "meta.text"], [])
    assert told.slices == [None, "meta.kind", "meta.text"]
    assert told.warnings == [
        {
            "reason": "too_many_values",
            "message": "meta.serial has more than 200 different values: images are not sliced "
            "by it.",
        }
    ]
    kinds = ask(told, "slices", by="meta.kind", split="all").json()["slices"]
    assert [(one["value"], one["images"]) for one in kinds[:2]] == [("0", 2), ("1", 1)]
    assert len(kinds) == 200
    # Cut at 200 characters, these are ten.
    cut = ask(told, "slices", by="meta.text", split="all").json()["slices"]
    assert sorted(one["value"] for one in cut) == ["x" * 199 + str(n) for n in range(10)]
    long = {"slice": f"meta.text:{'x' * 199}17"}
    assert ask(told, "image-predictions", **long).json()["totalImages"] == cut[0]["images"]
    refused = ask(told, "slices", by="meta.serial")
    assert refused.json()["message"] == (
        "by must be one of the keys. The keys are meta.kind, meta.text."
    )


def test_keys_of_meta_have_an_end(ada: Caller, project: Project) -> None:
    meta = {f"k{n:03}": n for n in range(70)}
    load(ada, project, tasks_of([("a", FOUND, meta, {}), ("b", FOUND, {"late": 1}, {})]))
    found = computed(ada, project, slices=["meta.k069"])
    assert found.slices == ["meta.k069", *(f"meta.k{n:03}" for n in range(50))]


def test_every_image_of_a_task_has_its_slices(ada: Caller, ask: Ask, make_project: Any) -> None:
    config = (
        '<View><Image name="left" value="$left"/><Image name="right" value="$right"/>'
        '<RectangleLabels name="label" toName="left"><Label value="Car"/></RectangleLabels>'
        '<RectangleLabels name="other" toName="right"><Label value="Car"/></RectangleLabels>'
        "</View>"
    )
    project = make_project(ada, title="Pairs", label_config=config)
    region = {**TRUTH[0], "to_name": "left"}
    load(ada, project, [task("a", truth=[region], said={"v1": [region]}, camera="gate")])
    found = ask(computed(ada, project), "slices", by="meta.camera").json()["slices"]
    assert [(one["value"], one["images"]) for one in found] == [("gate", 2)]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"slice": "meta.camera:gate"}, ["a", "b", "e"]),
        ({"slice": "meta.camera:(none)"}, ["d"]),
        ({"slice": "meta.camera:nowhere"}, []),
        ({"slice": "meta.camera:"}, []),
        ({"slice": "meta.lux:10.5"}, ["b"]),
        ({"slice": "meta.night:true", "split": "train"}, ["c"]),
        ({"slice": "meta.camera:gate", "sort": "-falsePositives", "limit": 1}, ["b"]),
        ({"slice": "meta.camera:gate", "minFalsePositives": 1}, ["b"]),
    ],
)
def test_images_of_a_slice(
    ask: Ask, sliced: ModelEval, query: dict[str, Any], names: list[str]
) -> None:
    found = ask(sliced, "image-predictions", **query).json()
    assert [image["imageName"].removesuffix(".jpg") for image in found["images"]] == names
    if "limit" not in query:
        assert found["totalImages"] == len(names)
        file: Any = ask(sliced, "image-predictions", format="csv", **query)
        assert len(b"".join(file.streaming_content).splitlines()) == 1 + len(names)


@pytest.mark.parametrize(
    ("query", "matrix"),
    [
        ({}, [[4, 0, 1], [0, 0, 0], [1, 0, 0]]),
        ({"slice": "meta.camera:gate"}, [[3, 0, 0], [0, 0, 0], [1, 0, 0]]),
        ({"slice": "meta.camera:gate", "confidence": 70}, [[3, 0, 0], [0, 0, 0], [0, 0, 0]]),
        ({"slice": "meta.night:true", "split": "train"}, [[0, 0, 1], [0, 0, 0], [0, 0, 0]]),
        ({"slice": "meta.camera:nowhere"}, [[0, 0, 0]] * 3),
    ],
)
def test_the_matrix_of_a_slice(
    ask: Ask, sliced: ModelEval, query: dict[str, Any], matrix: list[list[int]]
) -> None:
    found = ask(sliced, "confusion-matrix", **{"split": "all", **query}).json()
    assert found["matrix"] == matrix


def test_keys_with_colons(ask: Ask, ada: Caller, project: Project) -> None:
    metas = [{"a": "b:c", "a:b": "d"}, {"a": "x", "a:b": "c"}, {"a": "x"}]
    load(ada, project, tasks_of([(f"i{n}", FOUND, meta, {}) for n, meta in enumerate(metas)]))
    found = computed(ada, project)

    def names(text: str) -> list[str]:
        listed = ask(found, "image-predictions", slice=text).json()["images"]
        return [image["imageName"] for image in listed]

    # The longer key comes first, where it has such a value.
    assert names("meta.a:b:c") == ["i1.jpg"]
    assert names("meta.a:b:d") == ["i0.jpg"]
    assert names("meta.a:x") == ["i1.jpg", "i2.jpg"]
    assert names("meta.a:b:(none)") == ["i2.jpg"]


@pytest.mark.parametrize(
    ("panel", "query", "status", "code", "message"),
    [
        ("slices", {}, 400, "unknown_slice", f"by must be one of the keys. {KEYS}"),
        ("slices", {"by": "camera"}, 400, "unknown_slice", f"by must be one of the keys. {KEYS}"),
        (
            "image-predictions",
            {"slice": "gate"},
            400,
            "unknown_slice",
            f"slice must be one of the keys, a colon and a value. {KEYS}",
        ),
        (
            "confusion-matrix",
            {"slice": "meta.place:x"},
            400,
            "unknown_slice",
            f"slice must be one of the keys, a colon and a value. {KEYS}",
        ),
        (
            "intervals",
            {"slice": "meta.camera"},
            400,
            "unknown_slice",
            f"slice must be one of the keys, a colon and a value. {KEYS}",
        ),
        ("intervals", {"level": 0}, 400, "invalid_level", "level must be an integer from 1 to 99."),
        (
            "intervals",
            {"level": "95.5"},
            400,
            "invalid_level",
            "level must be an integer from 1 to 99.",
        ),
        (
            "slices",
            {"split": "dev", "by": "meta.camera"},
            400,
            "invalid_split",
            "split must be one of train, valid, test or all.",
        ),
        (
            "intervals",
            {"slice": "meta.camera:nowhere"},
            404,
            "report_not_found",
            "There are no images to measure.",
        ),
        (
            "intervals",
            {"split": "valid"},
            404,
            "report_not_found",
            "There are no images to measure.",
        ),
    ],
)
def test_refusals(
    ask: Ask,
    sliced: ModelEval,
    panel: str,
    query: dict[str, Any],
    status: int,
    code: str,
    message: str,
) -> None:
    answer = ask(sliced, panel, **query)
    assert (answer.status_code, answer.json()) == (status, {"error": code, "message": message})
    assert not EvalAnswer.objects.exists()


@pytest.mark.parametrize(("panel", "query"), [("slices", {"by": "meta.camera"}), ("intervals", {})])
def test_a_running_one_is_not_done(
    ask: Ask, sliced: ModelEval, panel: str, query: dict[str, str]
) -> None:
    ModelEval.objects.update(status="running")
    answer = ask(sliced, panel, **query)
    assert (answer.status_code, answer.json()["error"]) == (409, "model_eval_not_done")


@pytest.mark.parametrize(
    ("query", "images"),
    [
        ({}, [IMAGE_A, IMAGE_B, IMAGE_A, IMAGE_A]),
        ({"split": "all"}, [IMAGE_A, IMAGE_B, IMAGE_C, IMAGE_A, IMAGE_A]),
        ({"split": "all", "slice": "meta.night:true"}, [IMAGE_B, IMAGE_C]),
        ({"split": "all", "confidence": 95}, [IMAGE_C] * 5),
    ],
)
def test_intervals(
    ask: Ask, sliced: ModelEval, query: dict[str, Any], images: list[tuple[int, int, int]]
) -> None:
    ends = {
        name: {"low": pytest.approx(low, abs=1e-12), "high": pytest.approx(high, abs=1e-12)}
        for name, (low, high) in plain_bootstrap(counted(*images), 0.95).items()
    }
    expected = {
        "evalId": sliced.eval_id,
        "project": "cars",
        "versionId": "v1",
        "modelId": None,
        "method": "bootstrap-percentile",
        "replicates": 1000,
        "seed": 0,
        "level": 0.95,
        "images": len(images),
        **ends,
        # Of fewer than ten images there is none.
        "map50_95": None,
    }
    first = ask(sliced, "intervals", **query)
    assert first.json() == expected
    assert ask(sliced, "intervals", **query).content == first.content


#: Pixels that a box of the version is beside that of the truth, in turn; none for a missed one.
BESIDE = [0, 3, 1, None, 5, 2, 0, 7]


def many(n_images: int, split: str) -> tuple[list[Json], list[Json], list[Json]]:
    """Tasks of a split, and COCO's annotations and results of theirs; image ids count from 0."""
    tasks, truth, found = [], [], []
    for n in range(n_images):
        beside, score = BESIDE[(n * n + n) % 8], (37 * n % 50 + 50) / 100
        said = [] if beside is None else [box(CAR, 10 + beside, 10, 40, 40, score)]
        name = f"{split}{n}"
        tasks.append(task(name, split=split, truth=[box(CAR, 10, 10, 40, 40)], said={"v1": said}))
        one = {"image_id": n, "category_id": 1}
        truth.append({**one, "bbox": [10, 10, 40, 40], "area": 1600})
        if beside is not None:
            found.append({**one, "bbox": [10 + beside, 10, 40, 40], "score": score})
    return tasks, truth, found


@pytest.fixture
def of_many(ada: Caller, project: Project) -> ModelEval:
    """An evaluation of 25 images of test and 12 of valid, a tenth of which is no round number."""
    test, valid = many(25, "test")[0], many(12, "valid")[0]
    load(ada, project, [*test[:5], *valid, *test[5:]])
    return computed(ada, project)


@pytest.mark.parametrize(("split", "n_images"), [("test", 25), ("valid", 12)])
@pytest.mark.parametrize("level", [95, 60])
def test_the_interval_of_map(
    ask: Ask, of_many: ModelEval, split: str, n_images: int, level: int
) -> None:
    value = ask(of_many, "map-results").json()["splits"][split]["map50_95"]
    _, truth, found = many(n_images, split)
    left_out = precision_left_out(truth, found, list(range(n_images)))
    low, high = plain_jackknife(value, left_out, level / 100)
    assert 0 <= low < value < high <= 1
    answer = ask(of_many, "intervals", split=split, level=level).json()
    assert answer["map50_95"] == {
        "low": pytest.approx(low, abs=1e-9),
        "high": pytest.approx(high, abs=1e-9),
    }
    # It counts all predictions.
    of_few = ask(of_many, "intervals", split=split, level=level, confidence=90).json()
    assert of_few["map50_95"] == answer["map50_95"]
    assert of_few["f1"] != answer["f1"]


def test_where_map_has_no_interval(ask: Ask, of_many: ModelEval) -> None:
    ModelEval.objects.update(slices=["meta.camera"])

    def of_map(**query: Any) -> Any:
        return ask(of_many, "intervals", **query).json()["map50_95"]

    assert of_map() is not None
    assert of_map(split="all") is None
    assert of_map(slice="meta.camera:(none)") is None
    # Of an evaluation of before, and of an imported one.
    EvalAnswer.objects.all().delete()
    EvalPanel.objects.filter(kind=EvalPanel.Kind.PRECISION_PARTS).delete()
    assert of_map() is None


def test_answers_of_before_map_had_one_are_not_given(ask: Ask, of_many: ModelEval) -> None:
    old = "intervals?split=test&confidence=20&level=95"
    EvalAnswer.objects.create(evaluation=of_many, asked=old, body=b'{"f1":null}')
    assert ask(of_many, "intervals").json()["map50_95"] is not None


@pytest.mark.parametrize("query", [{}, {"slice": "meta.camera:gate"}])
def test_very_many_images_have_wilsons(
    ask: Ask, sliced: ModelEval, query: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evals.panels.intervals.MOST_IMAGES", 2)
    hits, kept, n = (3, 4, 3) if query else (4, 5, 5)
    found = scores.wilson(Counts(*(np.array(c) for c in (hits, kept, n))), 0.9)
    answer = ask(sliced, "intervals", split="all", level=90, **query).json()
    assert {key: answer[key] for key in list(answer)[4:]} == {
        "method": "wilson",
        "replicates": None,
        "seed": None,
        "level": 0.9,
        "images": n,
        "precision": {"low": found.precision.low, "high": found.precision.high},
        "recall": {"low": found.recall.low, "high": found.recall.high},
        "f1": None,
        "map50_95": None,
    }


@pytest.mark.parametrize("most", [4, 3])
def test_many_images_are_drawn_together_unless_their_counts_are_many(
    ask: Ask, sliced: ModelEval, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(slices_panel, "MOST_IMAGES", 4)
    monkeypatch.setattr(slices_panel, "MOST_COUNTS", most)
    rows = ask(sliced, "slices", by="meta.camera", split="all").json()["slices"]
    ends = [(2 / 3, 1), (1, 1), (0, 0)] if most > 3 else [(None, None)] * 3
    assert [row["value"] for row in rows] == ["gate", "(none)", "yard"]
    assert [(row["f1Low"], row["f1High"]) for row in rows] == ends


# The key, the evaluation, what is kept; then its images and keys, parts of them for mAP50-95, and
# four statements to keep it.
@pytest.mark.parametrize(
    ("panel", "query", "first"),
    [
        ("slices", {"by": "meta.camera"}, 9),
        ("intervals", {}, 9),
        ("intervals", {"slice": "meta.camera:gate"}, 9),
    ],
)
def test_computed_once(
    ask: Ask,
    sliced: ModelEval,
    panel: str,
    query: dict[str, Any],
    first: int,
    django_assert_num_queries: Any,
) -> None:
    ask(sliced, "map-results")
    with django_assert_num_queries(first):
        answer = ask(sliced, panel, **query)
    again = 4 if "slice" in query else 3
    with django_assert_num_queries(again):
        assert ask(sliced, panel, **query).content == answer.content
    assert EvalAnswer.objects.count() == 1


# The key, the evaluation, the values of the keys, the images twice: chosen, then shown.
@pytest.mark.parametrize(("panel", "n"), [("image-predictions", 5), ("confusion-matrix", 4)])
def test_a_slice_costs_a_pass(
    ask: Ask, sliced: ModelEval, panel: str, n: int, django_assert_num_queries: Any
) -> None:
    ask(sliced, panel)
    with django_assert_num_queries(n):
        ask(sliced, panel, slice="meta.camera:gate")


def test_what_is_kept_has_an_end(
    ask: Ask, sliced: ModelEval, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writes, "MOST_ANSWERS", 3)
    kept = []
    for level in range(90, 95):
        ask(sliced, "intervals", level=level)
        kept.append(EvalAnswer.objects.count())
    assert kept == [1, 2, 3, 1, 2]


def test_deleting_it_deletes_what_is_kept(ask: Ask, ada: Caller, sliced: ModelEval) -> None:
    ask(sliced, "intervals")
    ada.client.delete(f"/lab/model-evals/{sliced.eval_id}")
    assert not EvalAnswer.objects.exists()
