"""What people say about predictions: comments, and that they have looked at one."""

from django.db import models

from accounts.models import User
from predictions.models.store import Prediction, Project, Task
from predictions_api.postgres.spread.fields import SlotField


class PredictionComment(models.Model):
    """What a person wrote about a prediction."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    slot = SlotField()
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    prediction = models.ForeignKey(
        Prediction, on_delete=models.CASCADE, related_name="comments", db_constraint=False
    )
    author = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    text = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Comment {self.pk}"


class PredictionReview(models.Model):
    """That a person has reviewed a prediction, and when."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    slot = SlotField()
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    prediction = models.ForeignKey(
        Prediction,
        on_delete=models.CASCADE,
        related_name="reviews",
        db_index=False,
        db_constraint=False,
    )
    reviewer = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["prediction", "reviewer", "slot"],
                name="predictions_review_of_reviewer_uniq",
            )
        ]

    def __str__(self) -> str:
        return f"Review {self.pk}"
