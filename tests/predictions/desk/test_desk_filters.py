"""What narrows the desk's lists, and how Postgres answers it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from predictions.desk import filters
from predictions.models import Annotation, Prediction, Project
from tests.bulk.conftest import insert_predictions, insert_tasks
from tests.bulk.test_plans import assert_by_index, nodes_of
from tests.clustered import one_node
from tests.conftest import Caller, desk_of, region

Listed = Callable[..., list[int]]


@pytest.fixture
def reader(rita: Caller) -> Client:
    return desk_of(rita)


@pytest.fixture
def listed(reader: Client) -> Listed:
    """Ids on the first page of a list."""

    def get(model: str, **query: Any) -> list[int]:
        response = reader.get(f"/admin/predictions/{model}/", query)
        assert response.status_code == 200, response["Location"]
        found = rf"/admin/predictions/{model}/(\d+)/(?:change|review)/"
        return sorted({int(pk) for pk in re.findall(found, response.content.decode())})

    return get


@pytest.fixture
def scored(project: Project, task: int) -> list[int]:
    """Predictions of scores 0, 0.25, 0.5, 0.75, 1 and none; the fourth is empty, the fifth old."""
    made = Prediction.objects.bulk_create(
        Prediction(
            task_id=task,
            project=project,
            score=score,
            result=[] if score == 0.75 else [region()],
            mislabeling=0.5 if score == 0 else 0,
        )
        for score in (0, 0.25, 0.5, 0.75, 1, None)
    )
    ids = [one.pk for one in made]
    Prediction.objects.filter(pk=ids[4]).update(created_at=datetime.now(UTC) - timedelta(days=10))
    return ids


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ({"score": "0..0.25"}, [0]),
        ({"score": "0.25..0.5"}, [1]),
        ({"score": "0.75.."}, [3, 4]),
        ({"score": "..0.5"}, [0, 1]),
        ({"score": ".."}, [0, 1, 2, 3, 4]),
        ({"score": "none"}, [5]),
        ({"score": "0.1..0.9"}, [1, 2, 3]),
        ({"score": "much"}, []),
        ({"score": "1e999..2"}, []),
        ({"created": "7"}, [0, 1, 2, 3, 5]),
        ({"created": "30"}, [0, 1, 2, 3, 4, 5]),
        ({"created": "0"}, []),
        ({"created": "9" * 30}, []),
        ({"problem": "empty"}, [3]),
        ({"problem": "unscored"}, [5]),
        ({"problem": "suspect"}, [0]),
        ({"problem": "x"}, []),
        ({"problem": "unscored", "score": "none", "created": "1"}, [5]),
    ],
)
def test_predictions(
    listed: Listed, scored: list[int], project: Project, query: dict[str, str], chosen: list[int]
) -> None:
    assert listed("prediction", project=project.pk, **query) == [scored[at] for at in chosen]


def test_a_negative_score_is_below_all_ranges(
    listed: Listed, scored: list[int], project: Project, reader: Client
) -> None:
    Prediction.objects.filter(pk=scored[0]).update(score=-1)
    page = reader.get(f"/admin/predictions/prediction/?project={project.pk}").content.decode()
    (asked,) = re.findall(r'href="[^"]*[?&;]score=([^"&]*)[^"]*"[^>]*>\s*below 0.25', page)
    assert listed("prediction", project=project.pk, score=asked) == scored[:1]
    assert listed("prediction", project=project.pk, score="-1..-0.5") == scored[:1]


def test_they_wait_for_a_project(listed: Listed, scored: list[int], reader: Client) -> None:
    assert listed("prediction", score="0..0.25") == scored
    assert "By score" not in reader.get("/admin/predictions/prediction/").content.decode()


def test_nobody_filters_a_foreign_project(
    olga: Caller, reader: Client, listed: Listed, make_project: Any, make_task: Any
) -> None:
    theirs = make_project(olga, title="Theirs")
    Prediction.objects.create(task_id=make_task(olga, theirs), project=theirs, result=[], score=0)
    assert listed("prediction", project=theirs.pk, score="0..0.25") == []


def test_they_look_at_the_newest_rows_alone(
    listed: Listed, scored: list[int], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "NEWEST", 3)
    assert listed("prediction", project=project.pk, score="..") == scored[3:5]
    monkeypatch.setattr(filters, "NEWEST", 6)
    assert listed("prediction", project=project.pk, score="..") == scored[:5]


def test_tasks(
    listed: Listed, ada: Caller, project: Project, make_task: Any, make_annotation: Any
) -> None:
    bare, predicted, annotated = (make_task(ada, project) for _ in range(3))
    Prediction.objects.create(task_id=predicted, project=project, result=[])
    make_annotation(ada, annotated)
    assert listed("task", project=project.pk, problem="unpredicted") == [bare, annotated]
    assert listed("task", project=project.pk, problem="unannotated") == [bare, predicted]
    assert listed("task", project=project.pk, problem="failed") == []
    assert listed("task", project=project.pk, created="1") == [bare, predicted, annotated]


def test_annotations(listed: Listed, project: Project, task: int) -> None:
    truth, other = Annotation.objects.bulk_create(
        Annotation(task_id=task, project=project, ground_truth=is_truth)
        for is_truth in (True, False)
    )
    assert listed("annotation", project=project.pk, ground_truth="yes") == [truth.pk]
    assert listed("annotation", project=project.pk, ground_truth="no") == [other.pk]


@pytest.fixture
def many(ada: Caller, project: Project, make_project: Any) -> Project:
    """A project of 10,000 tasks and predictions among 50,000, analysed."""
    with connection.cursor() as cursor:
        for where, n in ((project, 10_000), (make_project(ada, title="Other"), 40_000)):
            tasks = insert_tasks(where.pk, n)
            # Or foreign keys are checked as was planned when an earlier test had no task.
            cursor.execute("ANALYZE predictions_task")
            insert_predictions(where.pk, tasks, n, 4)
        # What earlier tests left of rows in the indexes, and of the planner's numbers, shall not
        # count.
        cursor.execute("REINDEX TABLE predictions_prediction")
        cursor.execute("REINDEX TABLE predictions_task")
        cursor.execute("ANALYZE")
    return project


LISTS: list[tuple[str, dict[str, str]]] = [
    ("prediction", {}),
    ("prediction", {"version": "v1"}),
    ("prediction", {"score": "0.25..0.5"}),
    ("prediction", {"created": "7"}),
    ("prediction", {"problem": "empty"}),
    ("prediction", {"problem": "suspect", "version": "v2", "score": "0..0.1"}),
    ("prediction", {"p": "40"}),
    ("task", {}),
    ("task", {"problem": "unpredicted"}),
    ("task", {"problem": "failed"}),
    ("task", {"created": "7"}),
]


@one_node
def test_no_list_reads_a_whole_table(reader: Client, many: Project) -> None:
    for model, query in LISTS:
        with CaptureQueriesContext(connection) as asked:
            where = {"project": str(many.pk), **query}
            assert reader.get(f"/admin/predictions/{model}/", where).status_code == 200
        hot = [q["sql"] for q in asked if re.search(r"predictions_(prediction|task)\b", q["sql"])]
        assert len(hot) >= 2, "the page and its bounded count"
        with connection.cursor() as cursor:
            for sql in hot:
                cursor.execute("EXPLAIN (FORMAT JSON) " + sql.replace("%", "%%"))
                plan = cursor.fetchone()[0][0]["Plan"]
                assert_by_index(nodes_of(plan), sorts=True)


def test_no_page_reads_without_a_limit(
    reader: Client, ada: Caller, project: Project, task: int, make_prediction: Any
) -> None:
    made = make_prediction(ada, task)["id"]
    with CaptureQueriesContext(connection) as asked:
        reader.get(f"/admin/predictions/prediction/?project={project.pk}&score=0..2")
        reader.get(f"/admin/predictions/prediction/{made}/review/")
    hot = [q["sql"] for q in asked if re.search(r'FROM "predictions_(prediction|task)"', q["sql"])]
    assert hot
    assert [sql for sql in hot if "LIMIT" not in sql and " = " not in sql] == []
