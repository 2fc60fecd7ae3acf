"""What the routes of webhooks read of a query string."""

from typing import Any

from rest_framework.exceptions import ValidationError

from backends.models import Delivery
from backends.models.actions import ACTIONS
from predictions_api.http.parameters import (
    ID_TEXT,
    INVALID_CHOICE,
    ChoiceParameter,
    IdParameter,
    LimitParameter,
    Parameters,
    TextParameter,
)


class ProjectOrNullParameter(TextParameter):
    """A project's id, or `null` for webhooks of the whole workspace."""

    def to_internal_value(self, data: Any) -> Any:
        if data != "null" and not ID_TEXT.fullmatch(data):
            raise ValidationError([INVALID_CHOICE])
        return data if data == "null" else int(data)


class WebhookListParameters(Parameters):
    project = ProjectOrNullParameter(
        help_text="Its webhooks only; `null`: those of the whole workspace."
    )


class InfoParameters(Parameters):
    vars()["organization-only"] = TextParameter(
        help_text="`true`: actions for webhooks of the whole workspace; anything else: the others."
    )


class DeliveryListParameters(Parameters):
    status = ChoiceParameter(Delivery.Status.values)
    action = ChoiceParameter([*ACTIONS, "TEST"])
    after = IdParameter(help_text="Deliveries older than this one.")
    limit = LimitParameter(default=100)
