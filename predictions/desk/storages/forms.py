"""The forms of storages: where their files are, and which ones. What they say goes through the
API's serializers.
"""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from desk.workspace_admin import DeskForm
from predictions.db.storages import rows
from predictions.models import ExportStorage, ImportStorage, Storage

KINDS = [
    (Storage.Kind.LOCAL.value, "a folder on the server"),
    (Storage.Kind.S3.value, "a bucket of a service that speaks S3"),
]
#: Fields of one kind alone.
OF_FOLDERS = ("path",)
KEYS = ("aws_access_key_id", "aws_secret_access_key")
OF_BUCKETS = ("bucket", "prefix", "s3_endpoint", "region_name", *KEYS)
KEPT = "Leave both keys empty to keep what is stored, which is never shown."


def _key(label: str, **more: Any) -> forms.CharField:
    widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, required=False, widget=widget, **more)


class StorageForm(DeskForm):
    """Where a storage's files are."""

    kind = forms.ChoiceField(
        label="Where", choices=KINDS, required=False, widget=UnfoldAdminSelectWidget
    )
    path = forms.CharField(
        label="Folder",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="On the server: a folder that manage.py image_root add registered for the"
        " workspace, or one below it.",
    )
    aws_access_key_id = _key("Access key ID")
    aws_secret_access_key = _key("Secret access key", help_text=KEPT)
    synchronize = forms.BooleanField(
        label="Synchronise now", required=False, widget=UnfoldBooleanSwitchWidget
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        is_known = self.instance.pk is not None
        self.initial["synchronize"] = not is_known
        if is_known and self.instance.kind == Storage.Kind.LOCAL:
            self.initial["path"] = rows.path_of(self.instance)

    class Meta:
        fields: tuple[str, ...] = (
            "project", "kind", "title", "description", "bucket", "prefix", "s3_endpoint",
            "region_name",
        )  # fmt: skip
        labels = {"s3_endpoint": "Service", "region_name": "Region"}
        help_texts = {
            "prefix": "As a folder's name, without a slash at its end; empty: the whole bucket.",
            "s3_endpoint": "Its address, such as https://minio.example.org; empty: Amazon's.",
        }
        widgets = dict.fromkeys(
            ("title", "bucket", "prefix", "s3_endpoint", "region_name", "regex_filter"),
            UnfoldAdminTextInputWidget,
        )


class ImportForm(StorageForm):
    """Which of a storage's files become tasks."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if "presign_ttl" in self.fields:
            # Of buckets alone, whose serializer asks for it.
            self.fields["presign_ttl"].required = False

    class Meta(StorageForm.Meta):
        model = ImportStorage
        fields = (
            *StorageForm.Meta.fields, "use_blob_urls", "recursive_scan", "regex_filter", "presign",
            "presign_ttl",
        )  # fmt: skip
        labels = StorageForm.Meta.labels | {
            "use_blob_urls": "Each picture or recording is a task",
            "recursive_scan": "Folders in the folder, too",
            "regex_filter": "Only files whose path matches",
            "presign": "Browsers ask the bucket",
            "presign_ttl": "For so many minutes",
        }
        help_texts = StorageForm.Meta.help_texts | {
            "use_blob_urls": "In a bucket each object. Switched off, JSON files are read, which"
            " hold tasks.",
            "recursive_scan": "",
            "regex_filter": "A regular expression of Postgres, of the whole path, in a bucket the"
            r" whole key, from its beginning, such as .*\.jpg",
            "presign": "By an address that works for a while. Switched off, this server passes"
            " pictures and recordings on.",
            "presign_ttl": "",
        }


class ExportForm(StorageForm):
    """How annotations are written."""

    class Meta(StorageForm.Meta):
        model = ExportStorage
        fields = (*StorageForm.Meta.fields, "can_delete_objects")
        labels = StorageForm.Meta.labels | {
            "can_delete_objects": "Delete files of deleted annotations"
        }
        help_texts = StorageForm.Meta.help_texts | {
            "can_delete_objects": "At the next synchronisation, and only what this storage wrote.",
        }
