"""Tables of import storages and export storages: folders of the server, and buckets of a service
that speaks S3, whose files become tasks of a project, or to which its annotations are written.
"""

from django.db import models

from accounts.models import User
from predictions.models.files import ImageRoot
from predictions.models.store import Project, Task
from predictions_api.postgres.spread.fields import SlotField


class Storage(models.Model):
    """What both directions have. The row is the truth about its synchronisation; the queue has ids.

    A folder is below an image root, `root`; a bucket has none, and its keys are encrypted.
    """

    class Kind(models.TextChoices):
        """As Label Studio's addresses call them."""

        LOCAL = "localfiles"
        S3 = "s3"

    class Status(models.TextChoices):
        INITIALIZED = "initialized"  # never synchronised
        QUEUED = "queued"  # waits for a worker
        IN_PROGRESS = "in_progress"  # a worker is at it
        COMPLETED = "completed"
        WITH_ERRORS = "completed_with_errors"  # `traceback` says which files were left out
        FAILED = "failed"  # `traceback` says why

    kind = models.CharField(
        max_length=16, choices=Kind, default=Kind.LOCAL, db_default=Kind.LOCAL.value
    )
    root = models.ForeignKey(
        ImageRoot, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    folder = models.TextField(
        blank=True, default="", help_text="Below the root, with forward slashes; empty: the root."
    )
    bucket = models.CharField(max_length=255, blank=True, default="", db_default="")
    prefix = models.TextField(blank=True, default="", db_default="", help_text="Of names in it.")
    region_name = models.CharField(max_length=64, blank=True, default="", db_default="")
    s3_endpoint = models.TextField(
        blank=True, default="", db_default="", help_text="The service; empty: Amazon's."
    )
    kms_key_id = models.TextField(blank=True, default="", db_default="")
    sealed_keys = models.TextField(blank=True, default="", db_default="")
    title = models.CharField(max_length=2048, null=True, blank=True)
    description = models.TextField(null=True, blank=True)
    synchronizable = models.BooleanField(default=True)
    status = models.CharField(max_length=32, choices=Status, default=Status.INITIALIZED)
    last_sync = models.DateTimeField(null=True, blank=True)
    last_sync_count = models.PositiveIntegerField(null=True, blank=True)
    traceback = models.TextField(null=True, blank=True)
    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # Who is at work on it, or until when the queue may find somebody (predictions_api.jobs.leases).
    lease_owner = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    n_queued = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True


class ImportStorage(Storage):
    """A folder or a bucket whose files become tasks of a project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="import_storages")
    regex_filter = models.TextField(null=True, blank=True, help_text="Of whole paths.")
    recursive_scan = models.BooleanField(default=False, help_text="Folders in it, too.")
    use_blob_urls = models.BooleanField(
        default=False, help_text="Each picture or recording is a task; else each JSON file."
    )
    presign = models.BooleanField(
        default=True,
        db_default=True,
        help_text="Browsers get the bucket's files from the bucket; else from this server.",
    )
    presign_ttl = models.PositiveSmallIntegerField(
        default=1, db_default=1, help_text="Minutes for which such an address works."
    )

    def __str__(self) -> str:
        place = f"Bucket {self.bucket}" if self.kind == self.Kind.S3 else f"Folder {self.folder}"
        return self.title or f"{place} of project {self.project_id}"


class ImportedFile(models.Model):
    """A file that an import storage has made a task of, for each of its tasks; it goes with it."""

    storage = models.ForeignKey(ImportStorage, on_delete=models.CASCADE, related_name="files")
    slot = SlotField()
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    # SHA-256 of the name below the root, as a name may be longer than an index row; of the further
    # tasks of a file the last eight digits count them.
    name_hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["storage", "name_hash", "slot"],
                name="predictions_importedfile_storage_name_uniq",
            )
        ]

    def __str__(self) -> str:
        return f"A file of storage {self.storage_id}"


class ExportStorage(Storage):
    """A folder or a bucket to which the annotations of a project are written, each as a file."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="export_storages")
    can_delete_objects = models.BooleanField(
        default=False, help_text="Files of annotations that are gone are deleted."
    )
    # Stored for Label Studio's clients; both say nothing of what is written.
    regex_filter = models.TextField(null=True, blank=True)
    use_blob_urls = models.BooleanField(default=False)
    position = models.BigIntegerField(
        default=0, help_text="The task up to which the synchronisation under way has come."
    )

    def __str__(self) -> str:
        place = f"Bucket {self.bucket}" if self.kind == self.Kind.S3 else f"Folder {self.folder}"
        return self.title or f"{place} for project {self.project_id}"


class ExportedAnnotation(models.Model):
    """An annotation of which an export storage has a file. It outlives the annotation, so that the
    file can be deleted.
    """

    storage = models.ForeignKey(ExportStorage, on_delete=models.CASCADE, related_name="files")
    slot = SlotField()
    annotation_id = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["storage", "annotation_id", "slot"],
                name="predictions_exportedannotation_storage_annotation_uniq",
            )
        ]

    def __str__(self) -> str:
        return f"Annotation {self.annotation_id} of storage {self.storage_id}"
