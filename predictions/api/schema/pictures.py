"""Files below image roots."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from predictions.api.parameters import ThumbnailParameters
from predictions_api.http.openapi import error_responses

NAMED = OpenApiParameter(
    "d", str, required=True, description="`ROOT/NAME`: an image root's id and a path below it."
)
PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff")
RECORDINGS = (
    "audio/wav", "audio/mpeg", "audio/ogg", "audio/flac", "video/mp4", "video/webm",
)  # fmt: skip
READERS: Any = [{name: []} for name in ("Token", "ApiKey", "AccessToken", "Session")]
LOCAL_FILE = extend_schema(
    operation_id="local_file",
    summary="A picture or recording of a task",
    description="Below a folder that `manage.py` registered for a workspace the caller reads; for"
    " everybody else, and for all other files, 404. `Range` is honoured for recordings.",
    tags=["Tasks"],
    auth=READERS,
    parameters=[NAMED],
    responses={
        **{(200, kind): OpenApiTypes.BINARY for kind in PICTURES + RECORDINGS},
        **{(206, kind): OpenApiTypes.BINARY for kind in RECORDINGS},
        **error_responses(),
    },
)
THUMBNAIL = extend_schema(
    operation_id="local_file_thumbnail",
    summary="A small picture of a task's picture",
    description="Turned as its EXIF says, of the first frame; 404 for what cannot be shown. A"
    " redirect to the picture itself while many others are being made.",
    tags=["Tasks"],
    auth=READERS,
    parameters=[NAMED, ThumbnailParameters],
    responses={(200, "image/webp"): OpenApiTypes.BINARY, **error_responses()},
)
OBJECT = extend_schema(
    operation_id="resolve_object",
    summary="An object of a bucket that a task names",
    description="Of a bucket of an import storage of the task's project, for whoever reads its"
    " workspace; for everybody else, and for what the task does not name, 404. By the storage's"
    " `presign` a redirect to an address of the bucket that works for a while, or the picture or"
    " recording itself, with `Range` for recordings.",
    tags=["Tasks"],
    auth=READERS,
    parameters=[
        OpenApiParameter(
            "fileuri", str, required=True, description="Base64 of `s3://BUCKET/KEY`, or that text."
        )
    ],
    responses={
        **{(200, kind): OpenApiTypes.BINARY for kind in PICTURES + RECORDINGS},
        **{(206, kind): OpenApiTypes.BINARY for kind in RECORDINGS},
        303: None,
        **error_responses(),
    },
)
