"""FILES_STORAGE: a folder, or a bucket of a service that speaks S3."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from predictions_api.files import storage

DATA = Path("/data")
FOLDER = "django.core.files.storage.FileSystemStorage"


@pytest.mark.parametrize(
    ("place", "location"),
    [("", "/data/exports"), ("/mnt/files", "/mnt/files/exports"), ("files", "files/exports")],
)
def test_a_folder(place: str, location: str) -> None:
    expected = {"BACKEND": FOLDER, "OPTIONS": {"location": Path(location)}}
    assert storage(place, "exports", data_dir=DATA) == expected


@pytest.mark.parametrize(
    ("place", "options"),
    [
        ("s3://models", {"location": "exports"}),
        ("s3://models/team/a/", {"location": "team/a/exports"}),
        (
            "s3://models?endpoint_url=http://s3.test:9000&region_name=eu-1",
            {
                "location": "exports",
                "endpoint_url": "http://s3.test:9000",
                "region_name": "eu-1",
            },
        ),
    ],
)
def test_a_bucket(place: str, options: dict[str, Any]) -> None:
    assert storage(place, "exports", data_dir=DATA) == {
        "BACKEND": "predictions_api.buckets.Bucket",
        "OPTIONS": {
            "bucket_name": "models",
            "max_memory_size": 1048576,
            "file_overwrite": True,
            **options,
        },
    }


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("ftp://host/x", "a folder, or s3://BUCKET/PREFIX"),
        ("s3:///x", "names no bucket"),
        ("s3://key:secret@bucket", "names no bucket"),
        ("s3://bucket?secret_key=x", "secret_key is none of addressing_style, endpoint_url"),
    ],
)
def test_an_address_that_means_nothing(place: str, reason: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=reason):
        storage(place, "exports", data_dir=DATA)
