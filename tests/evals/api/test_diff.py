"""GET .../diff/:otherId: what differs by more than chance, and one slice of it."""

from collections.abc import Callable
from typing import Any

import pytest

from evals.models import EvalAnswer, ModelEval
from predictions.models import Project, Task
from tests.conftest import Caller
from tests.evals.conftest import CAR, box, computed, load, task
from tests.evals.draws import counted, significance

TRUTH = [box(CAR, 10, 10, 20, 20)]
FOUND = [box(CAR, 10, 10, 20, 20, 0.9)]
STRAY = [*FOUND, box(CAR, 60, 60, 20, 20, 0.6)]
HIT, EXTRA, MISS = (1, 0, 0), (1, 1, 0), (0, 0, 1)
COUNTS = ("fixed", "broken", "images", "onlyInBase", "onlyInOther")

Compare = Callable[..., Any]


@pytest.fixture
def pair(ada: Caller, project: Project) -> tuple[ModelEval, ModelEval]:
    """v1 and v2: at the gate v2 finds what v1 misses, in the yard it reports a stray Car."""
    said = [
        ("gate", [], FOUND),
        ("gate", FOUND, FOUND),
        ("gate", [], FOUND),
        ("yard", FOUND, STRAY),
    ]
    load(
        ada,
        project,
        [
            task(f"i{n}", truth=TRUTH, said={"v1": one, "v2": two}, camera=camera)
            for n, (camera, one, two) in enumerate(said)
        ],
    )
    return computed(ada, project), computed(ada, project, "v2")


@pytest.fixture
def compare(ada: Caller) -> Compare:
    def send(base: ModelEval, other: ModelEval, **query: Any) -> Any:
        return ada.client.get(f"/lab/model-evals/{base.eval_id}/diff/{other.eval_id}", query)

    return send


@pytest.mark.parametrize(
    ("query", "base", "other", "totals"),
    [
        ({}, [MISS, HIT, MISS, HIT], [HIT, HIT, HIT, EXTRA], (2, 1, 4, 0, 0)),
        ({"confidence": 70}, [MISS, HIT, MISS, HIT], [HIT] * 4, (2, 0, 4, 0, 0)),
        ({"slice": "meta.camera:gate"}, [MISS, HIT, MISS], [HIT] * 3, (2, 0, 3, 0, 0)),
        ({"slice": "meta.camera:yard"}, [HIT], [EXTRA], (0, 1, 1, 0, 0)),
    ],
)
def test_significance(
    compare: Compare,
    pair: tuple[ModelEval, ModelEval],
    query: dict[str, Any],
    base: list[tuple[int, int, int]],
    other: list[tuple[int, int, int]],
    totals: tuple[int, ...],
) -> None:
    found = compare(*pair, **query).json()
    assert found["significance"] == significance(counted(*base), counted(*other))
    assert tuple(found["totals"][name] for name in COUNTS) == totals
    assert compare(*pair, **query).json() == found
    assert EvalAnswer.objects.count() == 1


@pytest.mark.parametrize("query", [{"split": "valid"}, {"slice": "meta.camera:nowhere"}])
def test_nothing_in_common_is_null(
    compare: Compare, pair: tuple[ModelEval, ModelEval], query: dict[str, Any]
) -> None:
    found = compare(*pair, **query).json()
    assert (found["significance"], found["totals"]["images"]) == (None, 0)
    assert not EvalAnswer.objects.exists()


def test_very_many_are_null(
    compare: Compare, pair: tuple[ModelEval, ModelEval], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evals.reports.significance.MOST_IMAGES", 3)
    assert compare(*pair).json()["significance"] is None


def test_slices_are_those_of_the_base(
    compare: Compare, ada: Caller, project: Project, pair: tuple[ModelEval, ModelEval]
) -> None:
    """An image that moved to another slice, one that only the later has, one without the key."""
    base, _ = pair
    moved = project.tasks.order_by("pk").first()
    assert moved is not None
    project.tasks.filter(pk=moved.pk).update(meta={"camera": "yard"})
    for camera in ("yard", "gate"):
        load(ada, project, [task(camera, truth=TRUTH, said={"v2": FOUND}, camera=camera)])
    later = computed(ada, project, "v2")

    def totals(one: ModelEval, two: ModelEval, text: str) -> tuple[int, ...]:
        found = compare(one, two, slice=f"meta.camera:{text}").json()["totals"]
        return found["images"], found["onlyInBase"], found["onlyInOther"]

    assert totals(base, later, "gate") == (3, 0, 1)
    assert totals(base, later, "yard") == (1, 0, 1)
    assert totals(later, base, "gate") == (2, 1, 0)
    # Its images know nothing of cameras.
    ModelEval.objects.filter(pk=later.pk).update(slices=[])
    assert totals(base, later, "yard") == (1, 0, 0)


def test_ids_that_went_to_other_tasks(
    compare: Compare, ada: Caller, project: Project, pair: tuple[ModelEval, ModelEval]
) -> None:
    """Images are paired by their ids, so two that exchange theirs are compared with each other."""
    base, other = pair
    first, second = project.tasks.order_by("pk")[:2]
    assert compare(base, other).json()["differingTerms"] == []

    def given(task: Task, image_id: object) -> None:
        project.tasks.filter(pk=task.pk).update(meta={"image_id": str(image_id)})

    given(first, second.pk)
    given(second, first.pk)
    exchanged = computed(ada, project)
    assert compare(base, exchanged).json()["differingTerms"] == ["imageIds"]
    assert compare(exchanged, base).json()["differingTerms"] == ["imageIds"]
    assert compare(exchanged, computed(ada, project, "v2")).json()["differingTerms"] == []

    # An id that is new is in one of them alone, and so is a task that was loaded anew.
    given(first, "a")
    given(second, "b")
    named = computed(ada, project)
    found = compare(base, named).json()
    assert (found["differingTerms"], found["totals"]["onlyInBase"]) == ([], 2)
    first.delete()
    load(ada, project, [task("i0", truth=TRUTH, said={"v1": []}, image_id="a")])
    assert "imageIds" not in compare(named, computed(ada, project)).json()["differingTerms"]


def test_an_unknown_key(compare: Compare, pair: tuple[ModelEval, ModelEval]) -> None:
    answer = compare(*pair, slice="meta.site:north")
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "unknown_slice",
            "message": "slice must be one of the keys, a colon and a value. "
            "The keys are meta.camera.",
        },
    )


def test_statements(
    compare: Compare, pair: tuple[ModelEval, ModelEval], django_assert_num_queries: Any
) -> None:
    """The key, both evaluations, the images of both and of the page, what is kept; for the first
    caller four that keep it. Another page is the same question.
    """
    compare(*pair, split="valid")
    with django_assert_num_queries(11):
        compare(*pair)
    with django_assert_num_queries(7):
        compare(*pair, limit=1)
