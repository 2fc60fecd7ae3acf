"""What several operations share: fields that requests may write shorter, headers, alternatives."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, inline_serializer
from rest_framework import serializers

from predictions.api.idempotency import MAX_KEY_LENGTH
from predictions.api.serializers import AnnotationSerializer, ModelVersionField, RegionsField
from predictions_api.http.fields import StorableJSONField
from predictions_api.http.openapi import Schema, answer_header

REGIONS: Schema = {
    "type": "array",
    "items": {"type": "object", "additionalProperties": True},
    "description": "Regions, each with id, from_name, to_name, type and value.",
}


class RegionsFieldSchema(OpenApiSerializerFieldExtension):
    """Regions are always answered as a list; a request may use a shorthand."""

    target_class = RegionsField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """A list, or in requests what one control of the config takes."""
        takes_shorthand = not isinstance(self.target.parent, AnnotationSerializer)
        if direction == "response" or not takes_shorthand:
            return REGIONS
        return {
            "oneOf": [
                REGIONS,
                {
                    "type": "object",
                    "additionalProperties": True,
                    "description": "What controls of the labelling config take, by name or type.",
                },
                {"type": "string", "description": "What one control takes."},
                {"type": "integer", "description": "What one control takes."},
            ]
        }


class StorableJSONFieldSchema(OpenApiSerializerFieldExtension):
    """Any JSON."""

    target_class = StorableJSONField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Every type but null, which the field itself allows or not."""
        return {"type": ["object", "array", "string", "number", "boolean"]}


class ModelVersionFieldSchema(OpenApiSerializerFieldExtension):
    """Versions are answered as text; a request may use a number."""

    target_class = ModelVersionField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Text; null where an import gave null."""
        return {"type": ["string", "number"] if direction == "request" else "string"}


def either(name: str, *options: Any, many: bool = False) -> PolymorphicProxySerializer:
    """One of several documents, or with `many` an array of such."""
    return PolymorphicProxySerializer(
        component_name=name, serializers=options, resource_type_field_name=None, many=many
    )


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": MAX_KEY_LENGTH},
    OpenApiParameter.HEADER,
    description="The same request with the same key is answered once more, not done once more,"
    " for 24 hours.",
)
REPLAYED = answer_header(
    "Idempotent-Replayed", 201, "There, and `true`, when the answer is an earlier request's."
)
DELETED_PREDICTIONS = inline_serializer(
    "DeletedPredictions", {"deleted_predictions": serializers.IntegerField()}
)
