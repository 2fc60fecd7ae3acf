"""Where files lie that web processes and workers share: a folder, or a bucket of an S3 service.

`FILES_STORAGE` says so: a folder's path, or `s3://bucket/prefix?endpoint_url=...`. Keys of a
service are boto3's to find (`AWS_ACCESS_KEY_ID`, a role of the machine).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.core.exceptions import ImproperlyConfigured

#: What may stand in the query of an s3 address.
S3_OPTIONS = frozenset({"endpoint_url", "region_name", "addressing_style", "signature_version"})
# A file that is read from the service is on disk beyond so many bytes.
MOST_IN_MEMORY = 1 << 20


class FilesAway(Exception):
    """The files cannot be reached: their service, or their disk, is away or refuses."""


@contextmanager
def reaching() -> Iterator[None]:
    """Within the block whatever the storage raises is FilesAway, but for a file that is missing."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:  # of whichever library the storage speaks through
        raise FilesAway(str(error)) from error


def storage(place: str, kind: str, *, data_dir: Path) -> dict[str, Any]:
    """An entry of Django's STORAGES for files of that kind: a folder of that name in `data_dir`, in
    the folder `place`, or below the prefix of the bucket that `place` names.

    Raises ImproperlyConfigured for an address that means nothing.
    """
    if not place.startswith("s3://"):
        if "://" in place:
            raise ImproperlyConfigured("FILES_STORAGE is a folder, or s3://BUCKET/PREFIX.")
        folder = (Path(place) if place else data_dir) / kind
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": folder},
        }
    found = urlsplit(place)
    options = dict(parse_qsl(found.query))
    if unknown := options.keys() - S3_OPTIONS:
        known = ", ".join(sorted(S3_OPTIONS))
        raise ImproperlyConfigured(
            f"FILES_STORAGE: {', '.join(sorted(unknown))} is none of {known}."
        )
    if not found.netloc or "@" in found.netloc or ":" in found.netloc:
        raise ImproperlyConfigured("FILES_STORAGE names no bucket: s3://BUCKET/PREFIX.")
    return {
        "BACKEND": "predictions_api.buckets.Bucket",
        "OPTIONS": {
            **options,
            "bucket_name": found.netloc,
            "location": "/".join(part for part in (found.path.strip("/"), kind) if part),
            "max_memory_size": MOST_IN_MEMORY,
            "file_overwrite": True,
        },
    }
