"""Comments on a prediction, and who has reviewed it: what the desk's pages show and store."""

from __future__ import annotations  # `list` is a method here

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.viewset import Rows, json_response
from predictions.db.places import target_of_prediction
from predictions.db.reviews import discussion
from predictions.db.reviews.discussion import NO_PREDICTION, Remark
from predictions.models import PredictionComment, PredictionReview
from predictions_api.http.openapi import error_responses

#: Characters of a comment.
LONGEST = 10_000

OF_PREDICTION = OpenApiParameter(
    "prediction_pk", int, OpenApiParameter.PATH, description="The prediction's id."
)


class ReviewSerializer(serializers.Serializer[Any]):
    """That somebody has reviewed a prediction."""

    id = serializers.IntegerField(read_only=True)
    prediction = serializers.IntegerField(read_only=True)
    user = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Null once their account is gone."
    )
    email = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)


class CommentSerializer(ReviewSerializer):
    """What somebody wrote about a prediction."""

    text = serializers.CharField(max_length=LONGEST)

    def validate_text(self, text: str) -> str:
        """Text that the database can hold."""
        if "\0" in text:
            raise ValidationError("A comment may not hold a NUL character.")
        return text


class SaidRows(Rows):
    """What the two kinds share: a prediction of the caller's workspace."""

    def prediction(self) -> int:
        """Its id. NotFound where the caller's workspace has none of it."""
        pk = self.row_id("prediction_pk")
        if target_of_prediction(pk, workspace_id=self.access().workspace_id) is None:
            raise NotFound(NO_PREDICTION)
        return pk

    def remarks(self, *, is_review: bool) -> list[dict[str, Any]]:
        """Their documents, the oldest first."""
        found = discussion.remarks_of_prediction(self.prediction())
        return [document(one) for one in found if one.is_review == is_review]


def document(remark: Remark) -> dict[str, Any]:
    """A comment, or a review, which has no text."""
    shared = {
        "id": remark.id,
        "prediction": remark.prediction,
        "user": remark.user,
        "email": remark.who,
        "created_at": remark.when,
    }
    return shared if remark.is_review else {**shared, "text": remark.text}


class CommentViewSet(SaidRows):
    """Comments on a prediction."""

    queryset = PredictionComment.objects.none()
    serializer_class = CommentSerializer
    list_name = "Prediction Comment List Api"
    detail_name = "Prediction Comment Api"

    @extend_schema(
        operation_id="list_prediction_comments",
        tags=["Predictions"],
        summary="List the newest comments on a prediction, the oldest first",
        parameters=[OF_PREDICTION],
        responses={200: CommentSerializer(many=True), **error_responses()},
    )
    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        return json_response(self.remarks(is_review=False))

    @extend_schema(
        operation_id="comment_on_prediction",
        tags=["Predictions"],
        summary="Comment on a prediction",
        parameters=[OF_PREDICTION],
        responses={201: CommentSerializer, **error_responses(415)},
    )
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        pk = self.prediction()
        made = discussion.comment(pk, self.checked(CommentSerializer)["text"], self.access())
        return json_response(document(made), status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="delete_prediction_comment",
        tags=["Predictions"],
        summary="Delete a comment of one's own; an owner of the workspace any",
        parameters=[OF_PREDICTION, OpenApiParameter("id", int, OpenApiParameter.PATH)],
        responses={204: None, **error_responses()},
    )
    def destroy(self, request: Request, **kwargs: Any) -> HttpResponse:
        pk = self.row_id("prediction_pk")
        discussion.remove_comment(self.row_id(), self.access(), prediction_id=pk)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ReviewViewSet(SaidRows):
    """Who has reviewed a prediction."""

    queryset = PredictionReview.objects.none()
    serializer_class = ReviewSerializer
    list_name = "Prediction Review List Api"

    @extend_schema(
        operation_id="list_prediction_reviews",
        tags=["Predictions"],
        summary="List who has reviewed a prediction, and when",
        parameters=[OF_PREDICTION],
        responses={200: ReviewSerializer(many=True), **error_responses()},
    )
    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        return json_response(self.remarks(is_review=True))

    @extend_schema(
        operation_id="review_prediction",
        tags=["Predictions"],
        summary="Note that the caller has reviewed a prediction, once",
        parameters=[OF_PREDICTION],
        request=None,
        responses={201: ReviewSerializer, **error_responses()},
    )
    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        made = discussion.review(self.row_id("prediction_pk"), self.access())
        return json_response(document(made), status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="take_back_prediction_review",
        tags=["Predictions"],
        summary="Take the caller's own review back",
        parameters=[OF_PREDICTION],
        responses={204: None, **error_responses()},
    )
    def destroy_many(self, request: Request, **kwargs: Any) -> HttpResponse:
        discussion.take_back(self.prediction(), self.access())
        return Response(status=status.HTTP_204_NO_CONTENT)
