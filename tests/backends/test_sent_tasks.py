"""Tasks as backends get them: written out for a job, and as documents, they say the same."""

import datetime
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from backends.asking.bodies import TASK_KEYS
from backends.reaching import sent_tasks
from predictions.models import Project, Task
from predictions_api.http.rendering import dumps
from tests.conftest import Caller

pytestmark = pytest.mark.django_db


def test_a_task_is_the_same_written_out_and_as_a_document(
    ada: Caller,
    project: Project,
    make_task: Callable[..., int],
    make_prediction: Callable[..., Any],
    make_annotation: Callable[..., Any],
) -> None:
    ids = [make_task(ada, project) for _ in range(4)]
    rows = Task.objects.filter(pk__in=ids)
    rows.filter(pk=ids[0]).update(
        data={"ä": '"\\\n😀', "n": 12345678901234567890123}, meta={"a": None}, updated_by=None
    )
    whole = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    rows.filter(pk=ids[1]).update(overlap=0, created_at=whole, updated_by=ada.user)
    bare = sent_tasks.texts(project.pk, ids[:2])
    make_prediction(ada, ids[2])
    make_annotation(ada, ids[3])
    texts = sent_tasks.texts(project.pk, [*reversed(ids), 999_999])
    assert list(texts) == ids
    assert bare == {id_: texts[id_] for id_ in ids[:2]}
    documents = sent_tasks.documents(project.pk, ids)
    assert list(texts.values()) == [dumps(document) for document in documents]
    found = [orjson.loads(text) for text in texts.values()]
    assert [tuple(one) for one in found] == [TASK_KEYS] * 4
    assert b'"n":12345678901234567890123' in texts[ids[0]].replace(b" ", b"")
    assert [one["is_labeled"] for one in found] == [False, True, False, True]
    assert found[1]["created_at"] == "2026-01-02T03:04:05Z"
    assert found[1]["updated_by"] == ada.user.pk
    assert [one["total_predictions"] for one in found] == [0, 0, 1, 0]
    assert [one["total_annotations"] for one in found] == [0, 0, 0, 1]


def test_nothing_is_asked_about_no_task(
    project: Project, django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(0):
        assert sent_tasks.texts(project.pk, []) == {}
        assert sent_tasks.documents(project.pk, []) == []
