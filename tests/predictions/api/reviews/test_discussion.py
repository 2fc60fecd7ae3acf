"""Comments on predictions and who has reviewed them, over HTTP."""

from typing import Any

import pytest

from accounts.models import Membership
from predictions.models import Prediction, PredictionComment, PredictionReview
from tests.conftest import Caller, make_caller
from tests.predictions.desk.test_admin import fill


@pytest.fixture
def path(ada: Caller, project: Any) -> str:
    fill(project, ada)
    return f"/api/predictions/{Prediction.objects.get().pk}"


@pytest.fixture
def mia(ada: Caller) -> Caller:
    return make_caller("mia@example.com", "lab", Membership.Role.MEMBER)


def post(caller: Caller, path: str, body: Any = None) -> Any:
    return caller.client.post(path, body, content_type="application/json")


def test_comments(ada: Caller, mia: Caller, rita: Caller, path: str) -> None:
    made = post(mia, f"{path}/comments/", {"text": " Too wide.\nSee above. "})
    said = PredictionComment.objects.get()
    document = {
        "id": said.pk,
        "prediction": said.prediction_id,
        "user": mia.user.pk,
        "email": "mia@example.com",
        "created_at": said.created_at.isoformat().replace("+00:00", "Z"),
        "text": "Too wide.\nSee above.",
    }
    assert (made.status_code, made.json()) == (201, document)
    assert rita.client.get(f"{path}/comments/").json() == [document]
    assert rita.client.get(f"{path}/reviews/").json() == []
    other = post(ada, f"{path}/comments/", {"text": "No."}).json()["id"]
    # One's own; an owner any.
    assert mia.client.delete(f"{path}/comments/{other}/").status_code == 404
    assert ada.client.delete(f"{path}/comments/{said.pk}/").status_code == 204
    assert ada.client.delete(f"{path}/comments/{said.pk}/").status_code == 404
    assert PredictionComment.objects.get().pk == other


def test_reviews(mia: Caller, rita: Caller, path: str) -> None:
    made = post(mia, f"{path}/reviews/")
    said = PredictionReview.objects.get()
    document = {
        "id": said.pk,
        "prediction": said.prediction_id,
        "user": mia.user.pk,
        "email": "mia@example.com",
        "created_at": said.created_at.isoformat().replace("+00:00", "Z"),
    }
    assert (made.status_code, made.json()) == (201, document)
    # Once: the first time counts.
    assert post(mia, f"{path}/reviews/").json() == document
    assert rita.client.get(f"{path}/reviews/").json() == [document]
    for _ in range(2):
        assert mia.client.delete(f"{path}/reviews/").status_code == 204
    assert not PredictionReview.objects.exists()


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "x" * 10_001}, {"text": ["x"]}])
def test_what_is_no_comment(ada: Caller, path: str, body: Any) -> None:
    answer = post(ada, f"{path}/comments/", body)
    assert (answer.status_code, list(answer.json()["validation_errors"])) == (400, ["text"])
    assert not PredictionComment.objects.exists()


def test_who_may(ada: Caller, rita: Caller, olga: Caller, path: str) -> None:
    made = post(ada, f"{path}/comments/", {"text": "Good."}).json()["id"]
    post(ada, f"{path}/reviews/")
    asked = [
        ("get", "comments/"), ("post", "comments/"), ("delete", f"comments/{made}/"),
        ("get", "reviews/"), ("post", "reviews/"), ("delete", "reviews/"),
    ]  # fmt: skip

    def statuses(caller: Caller) -> list[int]:
        send = caller.client
        body = {"data": {"text": "x"}, "content_type": "application/json"}
        return [
            getattr(send, verb)(f"{path}/{tail}", **(body if verb == "post" else {})).status_code
            for verb, tail in asked
        ]

    assert statuses(rita) == [200, 403, 403, 200, 403, 403]
    assert statuses(olga) == [404] * 6
    assert (PredictionComment.objects.count(), PredictionReview.objects.count()) == (1, 1)
    # They go with what they are about.
    ada.client.delete(f"{path}/")
    assert (PredictionComment.objects.count(), PredictionReview.objects.count()) == (0, 0)
