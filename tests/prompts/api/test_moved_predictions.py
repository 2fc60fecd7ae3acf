"""What a prediction took in its run goes with it to a task of another project."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from predictions.db.reviews import moving
from predictions.models import Prediction, Project
from predictions_api.postgres.spread.slots import of_project
from prompts.models import ModelRun, PredictionMeta, PromptVersion
from tests.conftest import TEXT_CONFIG, Caller, MakeProject
from tests.prompts.conftest import MakeRun, MakeTasks

pytestmark = pytest.mark.django_db
MEASURED = PredictionMeta._meta.db_table
URL = "/api/model-run/batch-predictions"
SENT = {"prompt_tokens": 12, "completion_tokens": 3, "total_cost_usd": 0.5, "inference_time": 0.75}


def tokens(caller: Caller, run: ModelRun) -> Any:
    return caller.client.get(f"/api/inference-runs/{run.pk}/indicators/tokens").json()["values"]


def test_what_it_took_goes_with_it(
    ada: Caller,
    version: PromptVersion,
    text_project: Project,
    make_project: MakeProject,
    make_tasks: MakeTasks,
    make_run: MakeRun,
) -> None:
    ids = make_tasks(text_project, "good", "bad")
    run = make_run(version, job_id="adala-1")
    body = {"modelrun_id": run.pk, "job_id": "adala-1"}
    results = [{"task_id": pk, "output": {"sentiment": "pos"}, **SENT} for pk in ids]
    assert ada.client.post(URL, {**body, "results": results[:1]}, format="json").status_code == 201
    other = make_project(ada, TEXT_CONFIG, title="Others")
    [elsewhere] = make_tasks(other, "good")
    said = Prediction.objects.get()
    before = PredictionMeta.objects.values().get()
    expected = {"prompt": 12, "completion": 3, "total": 15}
    assert tokens(ada, run) == expected

    moved = ada.client.patch(f"/api/predictions/{said.pk}/", {"task": elsewhere}, format="json")

    assert moved.status_code == 200
    after = {**before, "project_id": other.pk, "slot": of_project(other.pk)}
    assert PredictionMeta.objects.values().get() == after
    assert tokens(ada, run) == expected
    assert ada.client.post(URL, {**body, "results": results[1:]}, format="json").status_code == 201
    run.refresh_from_db()
    assert run.status == "Completed"
    assert tokens(ada, run) == {"prompt": 24, "completion": 6, "total": 30}


def test_outlives_the_project_of_its_run(
    ada: Caller,
    version: PromptVersion,
    text_project: Project,
    make_project: MakeProject,
    make_tasks: MakeTasks,
    make_run: MakeRun,
) -> None:
    run = make_run(version, job_id="adala-1")
    [elsewhere] = make_tasks(make_project(ada, TEXT_CONFIG, title="Others"), "good")
    tasks = [make_tasks(text_project, "good")[0], elsewhere]
    moved, of_other = (
        ada.client.post(
            "/api/predictions/", {"task": task, "result": [], "model_run": run.pk}, format="json"
        ).json()
        for task in tasks
    )
    made = ada.client.patch(f"/api/predictions/{moved['id']}/", {"task": elsewhere}, format="json")
    assert made.status_code == 200

    assert ada.client.delete(f"/api/projects/{text_project.pk}/").status_code == 204

    assert not ModelRun.objects.exists()
    left = Prediction.objects.order_by("pk").values_list("pk", "task_id", "model_run_id")
    assert list(left) == [(moved["id"], elsewhere, None), (of_other["id"], elsewhere, None)]


def test_every_table_that_belongs_to_predictions_is_known() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT conrelid::regclass::text FROM pg_constraint"
            " WHERE contype = 'f' AND confrelid = 'predictions_prediction'::regclass"
        )
        found = {row[0] for row in cursor.fetchall()}
    # What a prediction took outlives it.
    assert found == {follower.table for follower in moving._followers} - {MEASURED}


def test_every_column_goes_along() -> None:
    models = {model._meta.db_table: model for model in apps.get_models()}
    for follower in moving._followers:
        columns = {field.column for field in models[follower.table]._meta.concrete_fields}
        place = {"slot", "project_id", *(["task_id"] if follower.has_task else [])}
        assert {*follower.columns.split(", ")} | place == columns
    columns = {field.column for field in Prediction._meta.concrete_fields}
    named = moving.COPY_SQL.partition("(")[2].partition(")")[0].split(", ")
    assert {*named} == columns
