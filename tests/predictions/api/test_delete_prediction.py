"""DELETE /api/predictions/{id}/."""

from collections.abc import Callable
from typing import Any

from rest_framework.test import APIClient

from predictions.models import Prediction, Task
from tests.conftest import Caller, assert_refused, who_may_write

Make = Callable[..., dict[str, Any]]
NO_PREDICTION = "No Prediction matches the given query."


def test_deletes_a_prediction(
    ada: Caller, task: int, make_prediction: Make, make_annotation: Make
) -> None:
    kept, gone = make_prediction(ada, task), make_prediction(ada, task)
    annotation = make_annotation(ada, task, parent_prediction=gone["id"])
    url = f"/api/predictions/{gone['id']}/"
    Task.objects.update(updated_by=None)

    response = ada.client.delete(url, {"ignored": True}, format="json")

    assert (response.status_code, response.content) == (204, b"")
    assert list(Prediction.objects.values_list("pk", flat=True)) == [kept["id"]]
    assert Task.objects.get().updated_by_id == ada.user.pk
    # What a person drew stays, without its parent.
    kept_annotation = ada.client.get(f"/api/annotations/{annotation['id']}/").json()
    assert kept_annotation["parent_prediction"] is None
    assert_refused(ada.client.delete(url), 404, NO_PREDICTION)
    assert_refused(ada.client.get(url), 404, NO_PREDICTION)
    assert ada.client.get(f"/api/tasks/{task}/").json()["total_predictions"] == 1


def test_without_a_slash(ada: Caller, task: int, make_prediction: Make) -> None:
    url = f"/api/predictions/{make_prediction(ada, task)['id']}"

    assert ada.client.delete(url).status_code == 204


def test_a_body_is_not_even_read(ada: Caller, task: int, make_prediction: Make) -> None:
    url = f"/api/predictions/{make_prediction(ada, task)['id']}/"

    assert ada.client.generic("DELETE", url, "{", content_type="text/plain").status_code == 204


@who_may_write(204)
def test_permissions(
    someone: Callable[[str], APIClient],
    ada: Caller,
    task: int,
    make_prediction: Make,
    who: str,
    status: int,
) -> None:
    made = make_prediction(ada, task)

    response = someone(who).delete(f"/api/predictions/{made['id']}/")

    assert response.status_code == status
    assert Prediction.objects.exists() == (status != 204)


def test_the_number_of_statements(
    ada: Caller, task: int, make_prediction: Make, django_assert_num_queries: Any
) -> None:
    made = make_prediction(ada, task)

    with django_assert_num_queries(2):
        ada.client.delete(f"/api/predictions/{made['id']}/")
