"""What a request to compute an evaluation may hold."""

import re
from typing import Any

from rest_framework import serializers

from evals.documents.slices import LONGEST, MOST_ASKED
from evals.engine.kinds.table import KINDS
from evals.engine.matching import Rule
from evals.engine.measures.texts import NORMALIZATIONS
from evals.models import GroundTruth
from predictions.filters import keys
from predictions_api.http.fields import JSONObjectField, MeasureField, StrictSerializer
from predictions_api.names import has_no

NAME = re.compile(r"[^\0\ud800-\udfff]{1,500}")
#: Names that one request may tell something of.
MOST_NAMES = 10_000
SLICE_KEY = re.compile(r"^(meta|data)\..+$")


class NumberOrText(serializers.CharField):
    """A slug or an id: text, or a whole number taken as text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str | int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(str(data))


class ByName(serializers.DictField):
    """An object whose keys are names of labels or key points."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().to_internal_value(data)
        if len(found) > MOST_NAMES:
            raise serializers.ValidationError(f"Up to {MOST_NAMES:,} names.")
        for name in found:
            if not NAME.fullmatch(name):
                raise serializers.ValidationError(f"{name!r:.100} is no name: 1 to 500 characters.")
        return found


class ComputeSerializer(StrictSerializer[Any]):
    """What to evaluate, and how."""

    project = NumberOrText(max_length=200, help_text="The project's slug or id.")
    modelVersion = serializers.CharField(
        max_length=500,
        allow_blank=True,
        help_text="Whose predictions to evaluate; empty: those without a version.",
    )
    versionId = NumberOrText(
        required=False,
        max_length=500,
        help_text="How lists and compare shall know it; the model version unless given.",
    )
    modelId = NumberOrText(
        required=False, allow_null=True, max_length=500, help_text="The model's id, if it has one."
    )
    iouThreshold = MeasureField(
        required=False,
        min_value=0.0,
        max_value=1.0,
        help_text="Overlap above which a detection and an object match: 0.5, or 1 of named "
        "entities, unless given. Of kinds that match items.",
    )
    iouInclusive = serializers.BooleanField(
        required=False,
        help_text="Whether an overlap of exactly the threshold matches, too: false, of named "
        "entities true, unless given. Of kinds that match items.",
    )
    matching = serializers.ChoiceField(
        choices=[rule.value for rule in Rule],
        required=False,
        help_text=f"The order in which pairs are matched: {Rule.IOU_CLASS_FIRST.value} unless "
        "given. Of kinds that match items.",
    )
    confidence = serializers.IntegerField(
        required=False,
        default=20,
        min_value=0,
        max_value=100,
        help_text="Canonical confidence threshold, percent.",
    )
    taskType = serializers.ChoiceField(
        choices=list(KINDS),
        required=False,
        help_text="Derived from the labelling config unless given.",
    )
    control = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=500,
        trim_whitespace=False,
        help_text="Name of the one control of the labelling config whose regions are evaluated. "
        "Needed where several ask for the class of a whole object, or hold the same objects.",
    )
    tolerance = MeasureField(
        required=False,
        min_value=0.0,
        max_value=1e300,
        help_text="How far a number may be off and still be right: 0 unless given. Of regression.",
    )
    normalization = serializers.ChoiceField(
        choices=list(NORMALIZATIONS),
        required=False,
        help_text="What of two texts does not matter: `none` unless given, `spaces`, `case` and "
        "spaces, or `words`, which leaves letters, their marks, digits and single spaces. Of "
        "transcription.",
    )
    keypointSigmas = ByName(
        child=MeasureField(min_value=1e-6, max_value=1e6),
        required=False,
        help_text="How far each keypoint may be off, by its name; COCO's for its 17, else 0.05. "
        "Of keypoint-detection.",
    )
    labelMap = ByName(
        child=serializers.CharField(max_length=500, allow_null=True, trim_whitespace=False),
        required=False,
        help_text="What labels of either side are called instead, e.g. of a model that says "
        "`automobile` for the project's `Car`; null for those that are not read.",
    )
    classes = serializers.ListField(
        child=serializers.CharField(max_length=500, trim_whitespace=False),
        required=False,
        allow_empty=False,
        max_length=10_000,
        help_text="Only these classes; objects and detections of others are not read.",
    )
    groundTruth = serializers.ChoiceField(
        choices=GroundTruth.choices,
        required=False,
        default=GroundTruth.MARKED.value,
        help_text="Which annotations count: of each task the newest that is marked as ground "
        "truth, or of `all` that are not cancelled, for projects that mark none.",
    )
    slices = serializers.ListField(
        child=serializers.RegexField(
            SLICE_KEY,
            max_length=LONGEST + len("meta."),
            trim_whitespace=False,
            error_messages={"invalid": "A key begins with meta. or data., as in meta.camera."},
        ),
        required=False,
        max_length=MOST_ASKED,
        help_text="Keys of the tasks that images are sliced by, `meta.camera` or `data.source`: "
        "texts, numbers and truth values, at most 200 different ones each. Top-level keys of "
        "`meta` are slices without being asked for.",
    )
    query = JSONObjectField(
        required=False,
        help_text="Only these tasks: `filters` and `selectedItems` of the Data Manager's query, as"
        " `GET /api/tasks/?query=` takes them.",
    )
    medianLatencyMs = MeasureField(
        required=False,
        allow_null=True,
        min_value=0.0,
        max_value=1e9,
        help_text="What the model took for an image, as you measured it; compare weighs it.",
    )
    writeBack = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Store cluster, nearest tasks and mislabeling score on the predictions.",
    )

    def validate_slices(self, keys: list[str]) -> list[str]:
        """Each once."""
        return list(dict.fromkeys(keys))

    def validate_query(self, query: dict[str, Any]) -> dict[str, Any]:
        """As it is; an order changes nothing of an evaluation. Without a key that is read it would
        mean all tasks: other keys are refused.
        """
        if unknown := sorted(query.keys() - set(keys.OF_QUERY)):
            raise serializers.ValidationError(has_no("A query", unknown[0], keys.OF_QUERY))
        return query


class AcceptanceSerializer(StrictSerializer[Any]):
    """What can be changed of an evaluation."""

    accepted = serializers.BooleanField(
        help_text="Whether later versions are measured by it. Accepting it takes the mark from "
        "the other one of its project, kind and control."
    )
