"""Loads of files of ground truth and detections."""

from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers

from predictions.api.parameters import LoadParameters
from predictions.api.schema.parts import IDEMPOTENCY_KEY, REPLAYED
from predictions.api.serializers import ProjectSerializer
from predictions.formats.table import FORMATS
from predictions_api.http.openapi import error_responses


class FilesSerializer(serializers.Serializer[Any]):
    """The form of a load: two files, one at least, and how they are read."""

    ground_truth = serializers.FileField(required=False, help_text="A file, or a ZIP of a folder.")
    predictions = serializers.FileField(required=False, help_text="A file, or a ZIP of a folder.")
    model_version = serializers.CharField(
        required=False, max_length=500, help_text="Whose predictions they are."
    )
    predictions_format = serializers.ChoiceField(
        choices=list(FORMATS), required=False, help_text="Where it is not the ground truth's."
    )
    split = serializers.CharField(
        required=False,
        max_length=100,
        help_text="`train`, `valid` or `test`, instead of the file's own.",
    )
    image_root = serializers.CharField(
        required=False,
        max_length=2000,
        help_text="An address that is put before each name, or the id of an image root.",
    )
    missing_images_ok = serializers.BooleanField(
        required=False, default=False, help_text="Of an image root: names without a file are taken."
    )
    shapes = serializers.ChoiceField(
        choices=["boxes", "masks", "keypoints"],
        required=False,
        help_text="Which form is read of objects in several, of COCO and LVIS; of YOLO `masks`.",
    )
    category_offset = serializers.IntegerField(
        required=False,
        min_value=-1000,
        max_value=1000,
        help_text="Added to class numbers of predictions, of COCO and LVIS.",
    )
    label_map = serializers.JSONField(
        required=False,
        binary=True,  # reads text as JSON
        help_text="Names of the predictions' classes to names here; null for those not read.",
    )
    image_column = serializers.CharField(
        required=False,
        max_length=500,
        help_text="The column or field that names the image, of supervision and inference.",
    )
    truth_field = serializers.CharField(
        required=False,
        max_length=500,
        help_text="FiftyOne's field of ground truth, unless it is `ground_truth`.",
    )
    predictions_field = serializers.CharField(
        required=False,
        max_length=500,
        help_text="FiftyOne's field of predictions, unless it is `predictions`.",
    )
    replace_ground_truth = serializers.BooleanField(required=False, default=False)
    add_labels = serializers.BooleanField(required=False, default=False)


class LoadSerializer(FilesSerializer):
    """The same, with the project's title and whether to evaluate."""

    title = serializers.CharField(
        min_length=3, max_length=50, help_text="Of the project, which is made if none has it."
    )
    evaluate = serializers.BooleanField(required=False, default=False)


class FoundSerializer(serializers.Serializer[Any]):
    """What was in the files."""

    images = serializers.IntegerField(help_text="Or texts.")
    categories = serializers.IntegerField()
    ground_truth_regions = serializers.IntegerField()
    prediction_regions = serializers.IntegerField()


IMPORTED_FILES = inline_serializer(
    "ImportedFiles",
    {
        "task_count": serializers.IntegerField(help_text="New ones."),
        "annotation_count": serializers.IntegerField(help_text="New ones, and replaced ones."),
        "prediction_count": serializers.IntegerField(),
        "duration": serializers.FloatField(help_text="Seconds."),
        "file_upload_ids": serializers.ListField(
            child=serializers.IntegerField(), help_text="Empty: files are not kept."
        ),
        "could_be_tasks_list": serializers.BooleanField(),
        "found_formats": serializers.DictField(child=serializers.IntegerField()),
        "data_columns": serializers.ListField(child=serializers.CharField()),
        "found": FoundSerializer(),
        "warnings": serializers.ListField(child=serializers.CharField()),
        "task_ids": serializers.ListField(child=serializers.IntegerField(), required=False),
    },
)
LOAD = extend_schema(
    operation_id="load_files",
    tags=["Projects"],
    summary="Load ground truth and predictions into a project, and evaluate them",
    description="All or nothing. Without `format` it is looked for in the files. Larger files than"
    " the server takes go in by `manage.py load`.",
    parameters=[LoadParameters, IDEMPOTENCY_KEY, REPLAYED],
    request={"multipart/form-data": LoadSerializer},
    responses={
        201: inline_serializer(
            "LoadedFiles",
            {
                "project": ProjectSerializer(),
                "import": IMPORTED_FILES,
                "evaluation": inline_serializer(
                    "StartedEvaluation",
                    {"evalId": serializers.CharField(), "url": serializers.CharField()},
                    allow_null=True,
                ),
            },
        ),
        **error_responses(413, 415),
    },
)
