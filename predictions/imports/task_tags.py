"""The tags that a task is given where it is made: one rule for the API and for imports."""

from typing import Any

from rest_framework import serializers

from predictions_api.http.storable import Refused


class TagsField(serializers.ListField):
    """Names of tags, each once."""

    child = serializers.CharField(max_length=100)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=100, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        return list(dict.fromkeys(super().to_internal_value(data)))


FIELD = TagsField()


def tags_of(task: dict[str, Any]) -> list[str]:
    """The tags of a task to import; [] for absent or null. Refused for what the API refuses."""
    given = task.get("tags")
    if given is None:
        return []
    try:
        names: list[str] = FIELD.run_validation(given)
    except serializers.ValidationError as refused:
        raise Refused(f"Task[tags]: {_first(refused.detail)}") from None
    return names


def _first(detail: Any) -> str:
    """The first message of an error of the list, or of a name in it."""
    found = next(iter(detail.values())) if isinstance(detail, dict) else detail
    return str(found[0])
