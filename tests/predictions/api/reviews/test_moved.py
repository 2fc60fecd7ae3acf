"""What people said of a prediction stays with it when it is moved to another task."""

import pytest

from predictions.models import Project
from tests.conftest import Caller, MakeProject, MakeTask, region

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("is_same_project", [True, False], ids=["same project", "another"])
def test_comments_and_reviews_outlive_the_old_task(
    ada: Caller,
    project: Project,
    task: int,
    make_project: MakeProject,
    make_task: MakeTask,
    is_same_project: bool,
) -> None:
    target = make_task(ada, project if is_same_project else make_project(ada))
    body = {"task": task, "result": [region()], "model_version": "v1"}
    made = ada.client.post("/api/predictions/", body, format="json").json()
    url = f"/api/predictions/{made['id']}/"
    said = ada.client.post(f"{url}comments/", {"text": "Why?"}, format="json").json()
    assert ada.client.post(f"{url}reviews/").status_code in (200, 201)
    before = ada.client.get(f"{url}comments/").json()
    reviews = ada.client.get(f"{url}reviews/").json()

    assert ada.client.patch(url, {"task": target}, format="json").status_code == 200
    assert ada.client.delete(f"/api/tasks/{task}/").status_code == 204

    assert ada.client.get(f"{url}comments/").json() == before
    assert ada.client.get(f"{url}reviews/").json() == reviews
    assert said["text"] == "Why?"
