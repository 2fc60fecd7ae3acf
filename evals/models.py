"""Evaluations: how good one model version's predictions are, computed here or brought as a file.

Columns, constraints and indexes only. An evaluation is a snapshot: later edits of predictions or
annotations change nothing. Its images carry its id as their distribution key. Deletes cascade.
"""

import secrets
import string
from typing import Any

from django.db import models
from django.db.models import BigIntegerField, Case, F, FloatField, Q, Value, When
from django.db.models.functions import Cast, Left

from accounts.models import Workspace
from predictions.models import Project

EVAL_ID_LENGTH = 20
EVAL_ID_ALPHABET = string.ascii_letters + string.digits


def new_eval_id() -> str:
    """Twenty random letters and digits: clients paste it into addresses unquoted."""
    return "".join(secrets.choice(EVAL_ID_ALPHABET) for _ in range(EVAL_ID_LENGTH))


class Split(models.IntegerChoices):
    """The part of a dataset an image belongs to."""

    TRAIN = 0, "train"
    VALID = 1, "valid"
    TEST = 2, "test"


class TaskType(models.TextChoices):
    """What kind of answers are compared: the words of `evals.engine.kinds.table`."""

    DETECTION = "object-detection"  # boxes, matched by overlap
    INSTANCES = "instance-segmentation"  # masks, matched by overlap
    CLASSIFICATION = "classification"  # labels of whole images
    SEMANTIC = "semantic-segmentation"  # pixels
    ENTITIES = "named-entity-recognition"  # spans of texts
    KEYPOINTS = "keypoint-detection"  # points of boxes
    TEMPORAL = "temporal-detection"  # stretches of time
    TRANSCRIPTION = "transcription"  # texts
    TAXONOMY = "taxonomy"  # paths of a tree
    RATING = "rating"  # stars
    REGRESSION = "regression"  # numbers


class GroundTruth(models.TextChoices):
    """Which annotation of a task predictions are measured against: the newest, none cancelled."""

    MARKED = "marked"  # of those marked as ground truth; tasks without any do not count
    ALL = "all"  # of all, for projects that mark none


class ModelEval(models.Model):
    """One evaluation of one model version."""

    class Status(models.TextChoices):
        RUNNING = "running"  # queued or at work; `progress` says how far
        DONE = "done"  # complete: every image and every panel is stored
        FAILED = "failed"  # nothing of it is shown; `failure_reason` says what to do

    class Origin(models.TextChoices):
        COMPUTED = "computed"  # from predictions and annotations stored here
        IMPORTED = "imported"  # from a file, kept as it came in its panels

    eval_id = models.CharField(
        max_length=EVAL_ID_LENGTH, unique=True, default=new_eval_id, editable=False
    )
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    # A deleted project leaves its history.
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.SET_NULL, related_name="evaluations"
    )
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.COMPUTED)
    version_id = models.TextField(
        help_text="Version of the dataset or model, as the caller names it."
    )
    model_id = models.TextField(null=True, blank=True)
    model_version = models.TextField(
        blank=True, default="", help_text="Whose predictions were evaluated."
    )
    task_type = models.CharField(max_length=30, choices=TaskType)
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    progress = models.FloatField(default=0.0, help_text="Share of the images counted, 0 to 1.")
    failure_reason = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    # An evaluation is never computed anew: the same request again makes another one.
    supersedes = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The evaluation that it repeats.",
    )
    is_accepted = models.BooleanField(
        default=False,
        help_text="Whether later versions are measured by it: one of a project, kind and control.",
    )

    # What was asked for.
    asked = models.JSONField(
        default=dict, help_text="task_type and control, null where the labelling config decided."
    )
    ground_truth = models.CharField(
        max_length=10,
        choices=GroundTruth,
        default=GroundTruth.MARKED,
        help_text="Which annotations count.",
    )
    matching = models.CharField(max_length=40, help_text="Id of the matching rule.")
    iou_threshold = models.FloatField(default=0.5)
    inclusive = models.BooleanField(
        default=False, help_text="Whether an IoU of exactly the threshold matches."
    )
    control = models.TextField(
        null=True, blank=True, help_text="The control whose regions are evaluated, if just one."
    )
    reading = models.JSONField(
        default=dict, help_text="Which regions are read: evals.engine.reading.Reading."
    )
    options = models.JSONField(
        default=dict, help_text="Parameters of some evaluations alone, as requests name them."
    )
    confidence = models.PositiveSmallIntegerField(
        default=20, help_text="Canonical confidence threshold, percent."
    )
    median_latency_ms = models.FloatField(
        null=True,
        blank=True,
        help_text="What the model took for an image, as whoever ran it measured.",
    )
    writes_back = models.BooleanField(
        default=False, help_text="Whether cluster, neighbors and mislabeling go to predictions."
    )

    # What it came to.
    classes = models.JSONField(default=list, help_text="Class names in index order.")
    is_multi_label = models.BooleanField(default=False)
    iou_type = models.CharField(
        max_length=10,
        default="bbox",
        help_text="What average precision compares: evals.engine.precision.measures.IouType.",
    )
    confidences = models.JSONField(
        null=True, blank=True, help_text="Percents an imported file reports; empty for all."
    )
    image_counts = models.JSONField(default=dict, help_text="Images of each split.")
    slices = models.JSONField(
        default=list, help_text="Keys that images are sliced by; null for one of too many values."
    )
    summary = models.JSONField(null=True, blank=True, help_text="Headline and compared metrics.")
    warnings = models.JSONField(
        default=list, help_text="Disagreements an import accepted, or what was read with a guess."
    )
    ignored = models.JSONField(
        default=list, help_text="Regions that were passed over, by reason and side."
    )
    engines = models.JSONField(default=dict, help_text="Versions of what computed it.")

    # Which rows it saw: those there when `planned_at` was taken.
    planned_at = models.DateTimeField(null=True, blank=True)
    n_predictions = models.PositiveBigIntegerField(default=0)
    n_ground_truths = models.PositiveBigIntegerField(default=0)
    newest_prediction_at = models.DateTimeField(null=True, blank=True)
    newest_ground_truth_at = models.DateTimeField(null=True, blank=True)

    # Who is at work on it, or until when the queue may find somebody (predictions_api.jobs.leases).
    lease_owner = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text="Workers that took it up since the last chunk was counted."
    )
    n_queued = models.PositiveSmallIntegerField(
        default=0, help_text="How often it was queued since a worker had it."
    )

    class Meta:
        verbose_name = "evaluation"
        indexes = [
            # The list of a workspace, newest first.
            models.Index(fields=["workspace", "-id"], name="evals_modeleval_w_idx"),
            models.Index(fields=["project", "-id"], name="evals_modeleval_p_idx"),
            # The sweep for evaluations that nobody has in hand.
            models.Index(
                fields=["lease_until"],
                condition=Q(status="running"),
                name="evals_modeleval_open_idx",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(confidence__lte=100), name="evals_modeleval_confidence_percent"
            ),
            # Those whose project is deleted are nobody's measure any more.
            models.UniqueConstraint(
                fields=["project", "task_type", "control"],
                condition=Q(is_accepted=True, project__isnull=False),
                nulls_distinct=False,
                name="evals_modeleval_accepted",
            ),
        ]

    def __str__(self) -> str:
        return self.eval_id


# Of one image, 1 where nothing was to be found or said: as `evals.db.columns.F1_OF_ONE` asks it.
F1 = Case(
    When(Q(tp=0) & Q(fp=0) & Q(fn=0), then=Value(1.0, FloatField())),
    default=Cast(F("tp"), FloatField()) * 2 / (Cast(F("tp"), FloatField()) * 2 + F("fp") + F("fn")),
    output_field=FloatField(),
)

# The sum of two counts may be more than a count can be.
ERRORS = Cast(F("fp"), BigIntegerField()) + F("fn")


class EvalImage(models.Model):
    """One image of an evaluation: its counts at every confidence as packed events.

    `position` is dense within the evaluation, `split_position` within its split: a page at any
    offset is a range of one of them.
    """

    pk = models.CompositePrimaryKey("evaluation_id", "position")
    evaluation = models.ForeignKey(
        ModelEval, on_delete=models.CASCADE, related_name="images", db_index=False
    )
    # Rows of the store that it is of, null for an import; no foreign keys, as it outlives them.
    task_id = models.BigIntegerField(null=True)
    annotation_id = models.BigIntegerField(null=True)
    prediction_id = models.BigIntegerField(null=True)
    item = models.TextField(
        default="", blank=True, help_text="Which of its task's images; empty for the only one."
    )
    told = models.TextField(null=True, help_text="What its task told: evals.db.snapshot.stored.")
    # Of kinds that measure single images: JSON text, whose keys have an order, and what images are
    # ordered by, the first of its numbers.
    metrics = models.TextField(null=True)
    measure = models.FloatField(null=True)
    position = models.PositiveIntegerField()
    split_position = models.PositiveIntegerField()
    # At the canonical confidence.
    tp = models.PositiveIntegerField(default=0)
    fp = models.PositiveIntegerField(default=0)
    fn = models.PositiveIntegerField(default=0)
    augmentations = models.PositiveIntegerField(default=0)
    cluster = models.IntegerField(null=True)
    split = models.PositiveSmallIntegerField(choices=Split)
    is_flagged = models.BooleanField(
        default=False, help_text="The imported file disagrees with itself about this image."
    )
    x = models.FloatField(null=True)
    y = models.FloatField(null=True)
    image_id = models.TextField()
    name = models.TextField()
    events = models.BinaryField(help_text="evals.engine.events.pack_events.")
    slices = models.BinaryField(
        default=b"", help_text="Its values of the slices' keys: evals.documents.slices."
    )

    class Meta:
        indexes = [
            # Pages of one split.
            models.Index(
                fields=["evaluation", "split", "split_position"], name="evals_evalimage_s_idx"
            ),
            # One image by its id.
            models.Index("evaluation", Left("image_id", 200), name="evals_evalimage_i_idx"),
            # The worst images first, at the canonical confidence.
            models.Index(fields=["evaluation", "-fp", "position"], name="evals_evalimage_fp_idx"),
            models.Index(fields=["evaluation", "-fn", "position"], name="evals_evalimage_fn_idx"),
            # What it counted on a task: a column of the store's filters.
            models.Index(
                fields=["evaluation", "task_id"],
                include=["tp", "fp", "fn"],
                condition=Q(task_id__isnull=False),
                name="evals_evalimage_t_idx",
            ),
            # Tasks by their errors, and by their agreement with ground truth.
            models.Index("evaluation", ERRORS, "task_id", name="evals_evalimage_e_idx"),
            models.Index("evaluation", F1, "task_id", name="evals_evalimage_a_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.image_id})"


class EvalPanel(models.Model):
    """A finished part of a panel, so that reading it costs one row whatever was evaluated.

    `body` is JSON text in the evaluation client's shape, or packed events of a confusion matrix:
    see `evals.panels`. `split` and `confidence` are ANY where the panel does not depend on them.
    """

    class Kind(models.IntegerChoices):
        MAP_RESULTS = 1
        SWEEP = 2
        PERFORMANCE = 3  # one a split
        MATRIX = 4  # one a split and confidence, packed events
        CLUSTERING = 5
        CLUSTERS = 6  # one a confidence
        RECOMMENDATIONS = 7
        SLICES = 8  # the values of the keys that images are sliced by
        RECALL_CURVES = 9
        ERROR_TYPES = 10
        ERROR_IMAGES = 11  # one a split: evals.engine.error_types.images
        PRECISION_PARTS = 12  # one a split: mAP50-95 of parts of its images

    ANY: int = -1

    pk = models.CompositePrimaryKey("evaluation_id", "kind", "split", "confidence")
    evaluation = models.ForeignKey(
        ModelEval, on_delete=models.CASCADE, related_name="panels", db_index=False
    )
    # No choices: another kind of panel is no change of the table.
    kind = models.PositiveSmallIntegerField(help_text="EvalPanel.Kind.")
    split = models.SmallIntegerField(default=-1)
    confidence = models.SmallIntegerField(default=-1)
    body = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.Kind(self.kind).label} of {self.evaluation_id}"


class EvalAnswer(models.Model):
    """A long computation over a finished evaluation, kept for whoever asks the same again."""

    pk = models.CompositePrimaryKey("evaluation_id", "asked")
    evaluation = models.ForeignKey(
        ModelEval, on_delete=models.CASCADE, related_name="answers", db_index=False
    )
    asked = models.TextField(help_text="What was asked, in one form: route and query.")
    body = models.BinaryField(help_text="JSON text.")

    def __str__(self) -> str:
        return f"{self.asked} of {self.evaluation_id}"


class EvalSource(models.Model):
    """A piece of the file an evaluation was imported from: all pieces together are its zlib."""

    pk = models.CompositePrimaryKey("evaluation_id", "piece")
    evaluation = models.ForeignKey(
        ModelEval, on_delete=models.CASCADE, related_name="sources", db_index=False
    )
    piece = models.PositiveIntegerField()
    body = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.piece} of {self.evaluation_id}"


class EvalChunk(models.Model):
    """Some images of a running evaluation, counted by whichever worker claims them; then gone."""

    pk = models.CompositePrimaryKey("evaluation_id", "number")
    evaluation = models.ForeignKey(
        ModelEval, on_delete=models.CASCADE, related_name="chunks", db_index=False
    )
    number = models.PositiveIntegerField()  # from chunks.SHARES_FROM on: a share of the totals
    first_position = models.PositiveIntegerField()
    # Positions within train, valid and test of the chunk's first image of each.
    first_split_positions: Any = models.JSONField()
    # [task, annotation, prediction or null, split, item, images of the task] of each image.
    rows: Any = models.JSONField()
    # Rows that changed later end the evaluation; null where they are not to be counted yet.
    seen_at = models.DateTimeField(null=True)
    is_done = models.BooleanField(default=False)
    lease_owner = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # What was passed over or read with a guess: evals.jobs.notes.
    notes: Any = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.number} of {self.evaluation_id}"


class EvalPart(models.Model):
    """What one chunk adds to one split: additive counts and the mergeable state of its kind."""

    pk = models.CompositePrimaryKey("evaluation_id", "chunk", "split")
    evaluation = models.ForeignKey(
        ModelEval, on_delete=models.CASCADE, related_name="parts", db_index=False
    )
    chunk = models.PositiveIntegerField()
    split = models.PositiveSmallIntegerField(choices=Split)
    histogram = models.BinaryField(help_text="Packed events of all its images together.")
    state = models.BinaryField(null=True, help_text="What its kind measures beside the events.")

    def __str__(self) -> str:
        return f"{self.chunk} of {self.evaluation_id}"
