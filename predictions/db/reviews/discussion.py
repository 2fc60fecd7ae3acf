"""Comments on predictions, and who has reviewed them."""

from dataclasses import dataclass
from datetime import datetime

from rest_framework.exceptions import NotFound

from accounts.models import Membership, User
from accounts.tokens import Access
from predictions.db.places import slot_of_prediction, target_of_prediction
from predictions.models import PredictionComment, PredictionReview
from predictions_api.postgres.sql import fetch_all

NO_PREDICTION = "No Prediction matches the given query."
NO_COMMENT = "No PredictionComment matches the given query."
#: Of each task: the newest ones.
MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment, or a review, which has no text."""

    id: int
    prediction: int
    #: None once their account is gone.
    user: int | None
    who: str
    when: datetime
    text: str | None

    @property
    def is_review(self) -> bool:
        """Whether it says no more than that somebody has looked at the prediction."""
        return self.text is None


# By the indexes on the task, or the prediction.
SAID_SQL = """
    (SELECT id, prediction_id, author_id AS user_id, created_at, text
     FROM predictions_predictioncomment WHERE {which} ORDER BY id DESC LIMIT {most})
    UNION ALL
    (SELECT id, prediction_id, reviewer_id, created_at, NULL
     FROM predictions_predictionreview WHERE {which} ORDER BY id DESC LIMIT {most})
"""
REMARKS_SQL = f"""
SELECT s.id, s.prediction_id, s.user_id, coalesce(u.email, ''), s.created_at, s.text
FROM ({SAID_SQL}) s LEFT JOIN accounts_user u ON u.id = s.user_id ORDER BY s.created_at, s.id
"""  # noqa: S608
OF_PREDICTION_SQL = REMARKS_SQL.format(which="prediction_id = %(id)s", most="%(most)s")


def remarks_of_prediction(prediction_id: int) -> list[Remark]:
    """Comments on one prediction that the caller sees, and reviews of it, the oldest first."""
    values = {"id": prediction_id, "most": MOST_SHOWN}
    slot = slot_of_prediction(prediction_id)
    return [Remark(*row) for row in fetch_all(OF_PREDICTION_SQL, values, slot=slot)]


def comment(prediction_id: int, text: str, access: Access) -> Remark:
    """Stores a comment by the caller. NotFound where the workspace has no such prediction.

    The text has been checked: it is not empty.
    """
    made = PredictionComment.objects.create(
        **_place(prediction_id, access), author_id=access.user_id, text=text
    )
    return Remark(made.pk, prediction_id, access.user_id, _email(access), made.created_at, text)


def _place(prediction_id: int, access: Access) -> dict[str, int]:
    """The prediction with its task and project. NotFound where the workspace has none of it."""
    place = target_of_prediction(prediction_id, workspace_id=access.workspace_id)
    if place is None:
        raise NotFound(NO_PREDICTION)
    return {
        "project_id": place.project_id,
        "task_id": place.task_id,
        "prediction_id": prediction_id,
    }


def _email(access: Access) -> str:
    return User.objects.values_list("email", flat=True).get(pk=access.user_id)


def remove_comment(comment_id: int, access: Access, *, prediction_id: int) -> None:
    """Removes a comment of the caller's own on the prediction, an owner any.

    NotFound where there is none that they may remove.
    """
    mine = PredictionComment.objects.filter(
        pk=comment_id, prediction_id=prediction_id, project__workspace_id=access.workspace_id
    )
    if access.role != Membership.Role.OWNER:
        mine = mine.filter(author_id=access.user_id)
    if not mine.delete()[0]:
        raise NotFound(NO_COMMENT)


def review(prediction_id: int, access: Access) -> Remark:
    """Notes that the caller has reviewed the prediction, once: the first time counts.

    NotFound where the workspace has no such prediction.
    """
    place = _place(prediction_id, access)
    made, _ = PredictionReview.objects.get_or_create(
        prediction_id=place.pop("prediction_id"), reviewer_id=access.user_id, defaults=place
    )
    return Remark(made.pk, prediction_id, access.user_id, _email(access), made.created_at, None)


def take_back(prediction_id: int, access: Access) -> None:
    """Removes the caller's own review of the prediction, if there is one."""
    mine = PredictionReview.objects.filter(
        prediction_id=prediction_id, project__workspace_id=access.workspace_id
    )
    mine.filter(reviewer_id=access.user_id).delete()
