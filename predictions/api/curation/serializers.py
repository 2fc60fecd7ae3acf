"""What requests about saved views may hold, and what is answered."""

from typing import Any

from rest_framework import serializers

from predictions_api.http.fields import JSONObjectField, PkField


class ViewSerializer(serializers.Serializer[Any]):
    """A saved view of a project's tasks."""

    id = serializers.IntegerField(read_only=True)
    # Label Studio's name. The metaclass takes it off the class, so `Serializer.data` still works.
    data = JSONObjectField(  # type: ignore[assignment]
        required=False, help_text="`title`, `filters`, `ordering`, and what else a client keeps."
    )
    order = serializers.IntegerField(read_only=True, help_text="Its place among the views.")
    user = serializers.IntegerField(read_only=True, allow_null=True, help_text="Who made it.")
    project = PkField()


class ViewChangeSerializer(ViewSerializer):
    """What is changed of a saved view."""

    project = PkField(required=False, help_text="A view stays in its project.")


class ViewOrderSerializer(serializers.Serializer[Any]):
    """Views of a project in a new order."""

    project = PkField()
    ids = serializers.ListField(child=PkField(), max_length=500)
