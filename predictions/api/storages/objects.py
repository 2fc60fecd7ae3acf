"""What requests about storages in buckets may hold, and what is answered of one: never its keys."""

from typing import Any
from urllib.parse import urlsplit

from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError

from predictions.api.storages import parts
from predictions.models import ExportStorage, ImportStorage, Storage
from predictions.storages import buckets
from predictions_api.outbound import client, vault
from predictions_api.outbound.buckets.place import BucketFault

BOTH = "Access Key ID and Secret Access Key must be provided together."
SECRETS = (buckets.KEY_ID, buckets.SECRET, buckets.TOKEN)
#: What a client calls a column otherwise.
COLUMNS = {"aws_sse_kms_key_id": "kms_key_id"}
#: Columns that say what is asked, and with which keys.
ASKED = frozenset({"bucket", "prefix", "region_name", "s3_endpoint", "sealed_keys"})
#: Of a presigned address, in minutes: what the signature's rules take.
MOST_TTL = 7 * 24 * 60


def _text(help_text: str, most: int, **more: Any) -> serializers.CharField:
    return serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=most,
        help_text=help_text,
        **more,
    )


class BucketSerializer(serializers.Serializer[Any]):
    """Where a bucket is."""

    bucket = serializers.RegexField(r"\A[A-Za-z0-9._-]{1,255}\Z", help_text="Its name.")
    prefix = _text("Of the keys of the objects: as a folder's name, without slash.", 900)
    region_name = serializers.RegexField(
        r"\A[a-z0-9-]{0,64}\Z", required=False, allow_null=True, allow_blank=True
    )
    s3_endpoint = _text(
        "The address of the service, for one that is not Amazon's; as other addresses that are"
        " called, it may not be private unless `OUTBOUND_ALLOWED_HOSTS` names it.",
        2048,
    )
    aws_access_key_id = _text(
        "Of the keys, which are stored encrypted and never answered. Without keys the bucket is"
        " asked as anybody may ask it. Keys that are not sent are kept.",
        255,
        write_only=True,
    )
    aws_secret_access_key = _text("With the former.", 1024, write_only=True)
    aws_session_token = _text("For keys that work for a while.", 8192, write_only=True)
    aws_sse_kms_key_id = _text("What the service encrypts written objects with.", 2048)

    def validate_s3_endpoint(self, value: str | None) -> str:
        """PermissionDenied for an address that is not called."""
        if not value:
            return ""
        try:
            client.check_url(value)
        except client.Blocked as blocked:
            raise PermissionDenied(str(blocked)) from None
        parts_ = urlsplit(value)
        if parts_.query or parts_.fragment:
            raise ValidationError("An endpoint has neither a query nor a fragment.")
        return value


class ImportBucketSerializer(parts.ImportedSerializer, BucketSerializer):
    """A bucket whose objects become tasks of a project."""

    presign = serializers.BooleanField(
        required=False,
        help_text="Where a task's object is asked for, true: a redirect to an address of the bucket"
        " that works for a while. False: this server passes the object on.",
    )
    presign_ttl = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_TTL,
        help_text="Minutes for which such an address works.",
    )


class ExportBucketSerializer(parts.ExportedSerializer, BucketSerializer):
    """A bucket to which a project's annotations are written."""


def placed(values: dict[str, Any], kept: Storage | None) -> dict[str, Any]:
    """The values as columns, keys encrypted; those that are not sent are the kept storage's.

    ValidationError for one key without the other.
    """
    columns = {
        COLUMNS.get(name, name): "" if value is None and name in BUCKET_TEXTS else value
        for name, value in values.items()
        if name not in SECRETS
    }
    sent = {name: values[name] or "" for name in SECRETS if name in values}
    if not sent:
        return columns
    known = _known(kept)
    if (buckets.KEY_ID in sent) != (buckets.SECRET in sent):
        missing = buckets.SECRET if buckets.KEY_ID in sent else buckets.KEY_ID
        raise ValidationError({missing: [BOTH]})
    if buckets.KEY_ID in sent:
        # A token belongs to its keys.
        known = {}
    found = {**known, **sent}
    if bool(found.get(buckets.KEY_ID)) != bool(found.get(buckets.SECRET)):
        missing = buckets.SECRET if found.get(buckets.KEY_ID) else buckets.KEY_ID
        raise ValidationError({missing: [BOTH]})
    columns["sealed_keys"] = vault.seal({name: key for name, key in found.items() if key})
    return columns


BUCKET_TEXTS = frozenset({"prefix", "region_name", "s3_endpoint", "aws_sse_kms_key_id"})


def _known(kept: Storage | None) -> dict[str, str]:
    try:
        return vault.unseal(kept.sealed_keys) if kept is not None else {}
    except vault.Unreadable:
        return {}


def check(
    model: type[ImportStorage] | type[ExportStorage],
    columns: dict[str, Any],
    kept: Storage | None,
) -> None:
    """Asks the bucket, if it is another one than before, or with other keys. ValidationError where
    it cannot be used, or nothing is there to import; PermissionDenied for a private address.
    """
    names = ASKED & columns.keys()
    if kept is not None and all(getattr(kept, name) == columns[name] for name in names):
        return
    asked = model(**{name: getattr(kept, name) for name in ASKED} if kept is not None else {})
    for name in names:
        setattr(asked, name, columns[name])
    try:
        with buckets.opened(buckets.place_of(asked)) as bucket:
            prefix = buckets.below(asked.prefix)
            if model is ExportStorage or not prefix:
                bucket.check()
            elif not bucket.has_objects(prefix):
                raise BucketFault(f"s3://{asked.bucket}/{asked.prefix} not found.")
    except client.Unresolved as unknown:
        raise ValidationError({"s3_endpoint": [str(unknown)]}) from None
    except client.Blocked as blocked:
        raise PermissionDenied(str(blocked)) from None
    except BucketFault as fault:
        raise ValidationError([str(fault)]) from None


def _bucket(storage: Storage) -> dict[str, Any]:
    return {
        "bucket": storage.bucket,
        "prefix": storage.prefix or None,
        "region_name": storage.region_name or None,
        "s3_endpoint": storage.s3_endpoint or None,
        "aws_sse_kms_key_id": storage.kms_key_id or None,
    }


def import_document(storage: ImportStorage) -> dict[str, Any]:
    """The storage as it is answered."""
    shown = {"presign": storage.presign, "presign_ttl": storage.presign_ttl}
    return {**parts.common(storage), **_bucket(storage), **shown, **parts.imported(storage)}


def export_document(storage: ExportStorage) -> dict[str, Any]:
    """The storage as it is answered."""
    return {**parts.common(storage), **_bucket(storage), **parts.exported(storage)}
