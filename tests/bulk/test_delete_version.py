"""DELETE /api/predictions/?project=&model_version=: a version, and nothing by mistake."""

import pytest
from django.db import connection

from predictions.models import Prediction, Project
from tests.bulk.conftest import Seed
from tests.conftest import RECORDED, Caller

URL = "/api/predictions/"


@pytest.fixture
def rows(project: Project, seed_tasks: Seed, seed_predictions: Seed) -> list[int]:
    return seed_predictions(project, seed_tasks(project, 3), 30, 3)


def test_deletes_the_version_of_the_project(ada: Caller, project: Project, rows: list[int]) -> None:
    response = ada.client.delete(f"{URL}?project={project.pk}&model_version=v1")
    assert response.json() == {"deleted_predictions": 10}
    left = Prediction.objects.values_list("model_version", flat=True).distinct()
    assert set(left) == {"v0", "v2"}


def test_the_empty_version_is_not_null(ada: Caller, project: Project, rows: list[int]) -> None:
    Prediction.objects.filter(model_version="v1").update(model_version="")
    Prediction.objects.filter(model_version="v2").update(model_version=None)
    response = ada.client.delete(f"{URL}?project={project.pk}&model_version=")
    assert response.json() == {"deleted_predictions": 10}
    assert Prediction.objects.filter(model_version=None).count() == 10


def test_null_has_a_word_of_its_own(ada: Caller, project: Project, rows: list[int]) -> None:
    Prediction.objects.filter(model_version="v1").update(model_version="")
    Prediction.objects.filter(model_version="v2").update(model_version=None)
    query = f"{URL}?project={project.pk}&model_version__isnull=true"
    listed = ada.client.get(query).json()
    assert [row["model_version"] for row in listed] == [None] * 10
    response = ada.client.delete(query)
    assert response.json() == {"deleted_predictions": 10}
    left = Prediction.objects.values_list("model_version", flat=True)
    assert (set(left), len(left)) == ({"v0", ""}, 20)


@pytest.mark.parametrize("version", ["", None, "v" * 300])
def test_any_version_goes_in_one_statement_by_its_body(
    ada: Caller, project: Project, rows: list[int], version: str | None
) -> None:
    near = version[:-1] + "w" if version else "v9"
    Prediction.objects.filter(model_version="v1").update(model_version=version)
    Prediction.objects.filter(model_version="v2").update(model_version=near)
    response = ada.client.delete(
        f"/api/projects/{project.pk}/model-versions/",
        {"model_version": version},
        format="json",
    )
    assert response.json() == {"deleted_predictions": 10}
    left = Prediction.objects.values_list("model_version", flat=True).distinct()
    assert set(left) == {"v0", near}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("project={id}", ["model_version"]),
        ("model_version=v1", ["project"]),
        ("project=&model_version=v1", ["project"]),
        ("project=nine&model_version=v1", ["project"]),
        ("project=999999&model_version=v1", ["project"]),
        ("project={id}&model_version=v1&score_lte=0.5", ["score_lte"]),
        ("project={id}&model_version=v1&task=1", ["task"]),
        ("project={id}&model_version=%00", ["model_version"]),
        ("project={id}&model_version=v1&model_version__isnull=true", ["model_version"]),
        ("project={id}&model_version__isnull=false", ["model_version"]),
        ("project={id}&model_version__isnull=maybe", ["model_version__isnull"]),
        ("model_version__isnull=true", ["project"]),
    ],
)
def test_refuses(
    ada: Caller, project: Project, rows: list[int], query: str, fields: list[str]
) -> None:
    response = ada.client.delete(f"{URL}?{query.format(id=project.pk)}")
    assert response.status_code == 400
    assert list(response.json()["validation_errors"]) == fields
    assert Prediction.objects.count() == 30


def test_the_bare_list_has_no_such_verb(ada: Caller, rows: list[int]) -> None:
    for query in ("", "?task=1"):
        response = ada.client.delete(f"{URL}{query}")
        assert response.status_code == 405
        assert response["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert Prediction.objects.count() == 30


def test_who_may(rita: Caller, olga: Caller, project: Project, rows: list[int]) -> None:
    query = f"?project={project.pk}&model_version=v1"
    assert rita.client.delete(f"{URL}{query}").status_code == 403
    assert olga.client.delete(f"{URL}{query}").status_code == 400
    assert Prediction.objects.count() == 30


def test_a_deletes_cost_does_not_grow(
    ada: Caller, project: Project, rows: list[int], django_assert_num_queries
) -> None:
    # The key, the project, the delete.
    with django_assert_num_queries(3 + RECORDED, connection=connection):
        ada.client.delete(f"{URL}?project={project.pk}&model_version=v0")
