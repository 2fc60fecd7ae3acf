"""What an evaluation is read against: the versions of its project, the baseline among them."""

from typing import Any

import pytest
from django.test import Client

from evals.models import ModelEval
from evals.reports.versions import baseline_of, versions
from predictions.models import Project
from tests.conftest import Caller
from tests.evals.conftest import computed
from tests.evals.desk.conftest import page


def test_the_versions_of_a_project(ada: Caller, evaluation: ModelEval, project: Project) -> None:
    other = computed(ada, project, "v2")
    strict = computed(ada, project, "v2", iouThreshold=0.9)
    computed(ada, project, "v2", taskType="instance-segmentation")
    ModelEval.objects.filter(pk=other.pk).update(is_accepted=True)

    found = versions(evaluation, 50)
    assert [
        (one.eval_id, one.name, one.is_accepted, one.value, list(one.differing)) for one in found
    ] == [
        (strict.eval_id, "v2", False, 1.0, ["iouThreshold"]),
        (other.eval_id, "v2", True, 1.0, []),
        (evaluation.eval_id, "v1", False, pytest.approx((51 / 101 + 0.5) / 2), []),
    ]
    assert found[1].metrics["f1"] == 1.0
    # Of very many it is still among them, and the accepted one.
    assert versions(evaluation, 1) == found
    ModelEval.objects.filter(pk=other.pk).update(is_accepted=False)
    assert [one.eval_id for one in versions(evaluation, 1)] == [strict.eval_id, evaluation.eval_id]
    ModelEval.objects.filter(pk=evaluation.pk).update(project=None)
    evaluation.refresh_from_db()
    assert [one.eval_id for one in versions(evaluation, 50)] == [evaluation.eval_id]


@pytest.mark.parametrize("accepted", [False, True])
def test_the_baseline_of_many(
    ada: Caller, project: Project, task_ids: list[int], accepted: bool
) -> None:
    """The same as of few, although two newer ones alone are listed."""
    oldest, older, mine, newer, newest = (
        computed(ada, project, version) for version in ("v1", "v2", "v1", "v2", "v2")
    )
    ModelEval.objects.filter(pk=oldest.pk).update(is_accepted=accepted)
    found = versions(mine, 2)
    listed = [newest, newer, mine, older, *([oldest] if accepted else [])]
    assert [one.eval_id for one in found] == [one.eval_id for one in listed]
    baseline = baseline_of(mine, found)
    assert baseline is not None
    assert baseline.eval_id == (oldest if accepted else older).eval_id


@pytest.mark.parametrize(
    ("made", "accepted", "of", "expected"),
    [
        ([("v1", {})], None, 0, None),
        # The newest of another version from before.
        ([("v1", {}), ("v2", {}), ("v2", {})], None, 2, 0),
        # What measured otherwise only where nothing else is.
        ([("v1", {}), ("v1", {"iouThreshold": 0.9}), ("v2", {})], None, 2, 0),
        ([("v1", {"iouThreshold": 0.9}), ("v2", {})], None, 1, 0),
        ([("v1", {}), ("v1", {})], None, 1, 0),
        # The first of all against the one after it.
        ([("v1", {}), ("v2", {}), ("v2", {})], None, 0, 1),
        ([("v1", {}), ("v2", {}), ("v1", {})], 2, 1, 2),
        ([("v1", {}), ("v2", {})], 1, 1, 0),
    ],
)
def test_the_baseline(
    ada: Caller,
    project: Project,
    task_ids: list[int],
    made: list[tuple[str, dict[str, Any]]],
    accepted: int | None,
    of: int,
    expected: int | None,
) -> None:
    evaluations = [computed(ada, project, version, **more) for version, more in made]
    if accepted is not None:
        ModelEval.objects.filter(pk=evaluations[accepted].pk).update(is_accepted=True)
    baseline = baseline_of(evaluations[of], versions(evaluations[of], 50))
    assert (baseline and baseline.eval_id) == (
        None if expected is None else evaluations[expected].eval_id
    )


def test_the_page_of_a_class(desks: dict[str, Client], evaluation: ModelEval) -> None:
    answer = desks["reader"].get(page(evaluation, "class/?class=Car"))
    assert answer.status_code == 200
    assert '<h2 id="class-title">Class Car</h2>' in answer.content.decode()
    unknown = desks["reader"].get(page(evaluation, "class/?class=nobody"))
    assert (unknown.status_code, "class must be one of" in unknown.content.decode()) == (400, True)
    nothing = desks["reader"].get(page(evaluation, "class/"))
    assert (nothing.status_code, nothing["Location"]) == (302, page(evaluation))
    assert desks["stranger"].get(page(evaluation, "class/?class=Car")).status_code == 404
