"""The store: projects, their tasks, what people drew on them and what models predicted.

Columns, constraints and indexes only. Deletes cascade in the database itself (see the first
migration), so removing a project of a million predictions is one statement. `slot` stands on every
hot table: it is the key to spread them by, and a part of their keys in the database.
"""

from django.core.validators import MaxValueValidator, MinLengthValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Left
from django.utils.text import slugify

from accounts.models import User, Workspace
from predictions_api.postgres.spread.fields import SlotField


class Project(models.Model):
    """Tasks that share one labelling config."""

    class Sampling(models.TextChoices):
        SEQUENCE = "Sequential sampling"
        UNIFORM = "Uniform sampling"
        UNCERTAINTY = "Uncertainty sampling"

    class SkipQueue(models.TextChoices):
        REQUEUE_FOR_ME = "REQUEUE_FOR_ME"
        REQUEUE_FOR_OTHERS = "REQUEUE_FOR_OTHERS"
        IGNORE_SKIPPED = "IGNORE_SKIPPED"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="projects")
    slug = models.CharField(
        max_length=100, help_text="The name in addresses, unique in its workspace."
    )
    title = models.CharField(
        max_length=50,
        blank=True,
        default="",
        validators=[MinLengthValidator(3)],
        help_text="Project name. Must be between 3 and 50 characters long.",
    )
    description = models.TextField(blank=True, default="", help_text="Project description")
    label_config = models.TextField(
        blank=True, default="<View></View>", help_text="Label config in XML format."
    )
    validate_predictions = models.BooleanField(
        default=False,
        help_text="Refuse predictions that the labelling config does not allow.",
    )
    model_version = models.TextField(
        blank=True, default="", help_text="Model version whose predictions are shown first."
    )
    parsed_label_config = models.JSONField(
        default=dict, editable=False, help_text="Controls of the config by name."
    )
    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    # What the labelling tool shows. Kept for its clients; nothing here depends on them.
    expert_instruction = models.TextField(
        blank=True, default="", help_text="Labeling instructions in HTML format"
    )
    show_instruction = models.BooleanField(default=False)
    show_skip_button = models.BooleanField(default=True)
    enable_empty_annotation = models.BooleanField(default=True)
    show_annotation_history = models.BooleanField(default=False)
    color = models.CharField(max_length=16, blank=True, default="#FFFFFF")
    maximum_annotations = models.IntegerField(default=1)
    is_published = models.BooleanField(default=False)
    is_draft = models.BooleanField(default=False)
    min_annotations_to_start_training = models.IntegerField(default=0)
    start_training_on_annotation_update = models.BooleanField(default=False)
    show_collab_predictions = models.BooleanField(default=True)
    sampling = models.CharField(max_length=100, choices=Sampling, default=Sampling.SEQUENCE)
    show_ground_truth_first = models.BooleanField(default=False)
    show_overlap_first = models.BooleanField(default=False)
    overlap_cohort_percentage = models.IntegerField(
        default=100, validators=[MinValueValidator(0), MaxValueValidator(100)]
    )
    annotator_evaluation_enabled = models.BooleanField(default=False)
    evaluate_predictions_automatically = models.BooleanField(default=False)
    skip_queue = models.CharField(
        max_length=100, choices=SkipQueue, default=SkipQueue.REQUEUE_FOR_OTHERS
    )
    reveal_preannotations_interactively = models.BooleanField(default=False)
    pinned_at = models.DateTimeField(null=True, blank=True)
    control_weights = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "slug"], name="predictions_project_workspace_slug_uniq"
            )
        ]

    def __str__(self) -> str:
        return self.title or f"Project {self.pk}"


def free_slug(workspace_id: int, title: str) -> str:
    """A slug made of the title that no project of the workspace has: `cars`, `cars-2`, ...

    Never a number: where a slug or an id may stand, `12` is the id.
    """
    stem = slugify(title)[:80] or "project"
    if stem.isdigit():
        stem = f"project-{stem}"
    taken = set(
        Project.objects.filter(workspace_id=workspace_id, slug__startswith=stem).values_list(
            "slug", flat=True
        )
    )
    slug, n = stem, 1
    while slug in taken:
        n += 1
        slug = f"{stem}-{n}"
    return slug


class MLBackend(models.Model):
    """A model server that predictions can name as their source."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="ml_backends")
    url = models.CharField(max_length=2048)
    title = models.TextField(null=True, blank=True, default="")
    model_version = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "ML backend"

    def __str__(self) -> str:
        return self.title or self.url


class Task(models.Model):
    """One thing to label: an image, a text, a recording.

    How many predictions and annotations it has is counted when asked, from an index: a stored
    count would cost every bulk write a second row, and be wrong after the first path that
    forgets it.
    """

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="tasks", db_index=False
    )
    slot = SlotField()
    data = models.JSONField(help_text="What the labelling config's variables name.")
    meta = models.JSONField(default=dict, blank=True, help_text="Facts that are not labelled.")
    inner_id = models.PositiveBigIntegerField(default=0, help_text="Number within the project.")
    external_id = models.CharField(
        max_length=255, null=True, blank=True, help_text="What its owner calls it."
    )
    overlap = models.IntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            # Lists by project in id order; what the keys of predictions refer to.
            models.UniqueConstraint(
                fields=["project", "id", "slot"], name="predictions_task_p_idx"
            ),
        ]
        indexes = [
            # Imported predictions may name their task by either of these. Not unique: a project
            # may hold a thing twice, and only a name that is used has to be unambiguous.
            models.Index(
                fields=["project", "external_id"],
                condition=Q(external_id__isnull=False),
                name="predictions_task_e_idx",
            ),
            models.Index(
                F("project"),
                Left(KeyTextTransform("image_id", "meta"), 200),
                condition=Q(meta__has_key="image_id"),
                name="predictions_task_i_idx",
            ),
            models.Index(
                F("project"),
                Left(KeyTextTransform("image_name", "meta"), 200),
                condition=Q(meta__has_key="image_name"),
                name="predictions_task_n_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"Task {self.pk}"


class ProjectCounter(models.Model):
    """The highest inner_id handed out to a task of a project; no row for none."""

    project = models.OneToOneField(
        Project, on_delete=models.CASCADE, related_name="+", primary_key=True
    )
    slot = SlotField()
    last_inner_id = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"Counter of project {self.project_id}"


class Annotation(models.Model):
    """What a person drew or chose on a task.

    The parents are no keys in the database: who deletes them writes null in their place.
    """

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="annotations", db_index=False
    )
    slot = SlotField()
    task = models.ForeignKey(
        Task,
        on_delete=models.CASCADE,
        related_name="annotations",
        db_index=False,
        db_constraint=False,
    )
    result = models.JSONField(default=list, help_text="Regions.")
    ground_truth = models.BooleanField(
        default=False, help_text="Whether predictions are measured against this annotation."
    )
    was_cancelled = models.BooleanField(default=False, help_text="The task was skipped.")
    lead_time = models.FloatField(null=True, blank=True, help_text="Seconds spent.")
    completed_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    updated_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    parent_prediction = models.ForeignKey(
        "Prediction",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="child_annotations",
        db_index=False,
        db_constraint=False,
        help_text="The prediction it was made from.",
    )
    parent_annotation = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    unique_id = models.UUIDField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["task", "id"], name="predictions_annotation_t_idx"),
            models.Index(fields=["project", "task"], name="predictions_annotation_p_idx"),
            models.Index(
                fields=["parent_prediction"],
                condition=Q(parent_prediction__isnull=False),
                name="predictions_annotation_pp_idx",
            ),
            models.Index(
                fields=["parent_annotation"],
                condition=Q(parent_annotation__isnull=False),
                name="predictions_annotation_pa_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"Annotation {self.pk}"


class Prediction(models.Model):
    """What one version of a model says about a task.

    One key in the database holds its task and its project together: a task of that project.
    """

    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        related_name="predictions",
        db_index=False,
        db_constraint=False,
    )
    slot = SlotField()
    task = models.ForeignKey(
        Task,
        on_delete=models.CASCADE,
        related_name="predictions",
        db_index=False,
        db_constraint=False,
    )
    result = models.JSONField(help_text="Regions.")
    model_version = models.TextField(null=True, blank=True, default="")
    score = models.FloatField(null=True, blank=True, help_text="Prediction score")
    cluster = models.IntegerField(
        null=True, blank=True, help_text="Cluster for the current prediction"
    )
    neighbors = models.JSONField(
        null=True, blank=True, help_text="Array of task IDs of the closest neighbors"
    )
    mislabeling = models.FloatField(default=0.0, help_text="Related task mislabeling score")
    # No key in the database: see `places.hold_ml_backends`.
    model = models.ForeignKey(
        MLBackend,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="predictions",
        db_index=False,
        db_constraint=False,
        help_text="An ML Backend instance that created the prediction.",
    )
    # Not a foreign key: runs live in a room that imports this one.
    model_run_id = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            # Lists by project in id order, and each keyset page of them.
            models.Index(fields=["project", "id"], name="predictions_prediction_p_idx"),
            # Lists by task; task pages; the cascade of a deleted task. With the score, all tasks
            # are put in the order of their scores without a look at the predictions themselves.
            models.Index(
                fields=["task", "id"], include=["score"], name="predictions_prediction_t_idx"
            ),
            # A version's lists and its delete. A version may be longer than an index row, so
            # its first 200 characters stand here and the statement compares the rest.
            models.Index(
                F("project"),
                Left("model_version", 200),
                F("id"),
                name="predictions_prediction_v_idx",
            ),
            # Those that name an ML backend, for its deletion.
            models.Index(
                fields=["model"],
                condition=Q(model__isnull=False),
                name="predictions_prediction_m_idx",
            ),
            models.Index(
                fields=["model_run_id"],
                condition=Q(model_run_id__isnull=False),
                name="predictions_prediction_r_idx",
            ),
        ]
        constraints = [
            # A stored infinity or NaN would break every later answer that holds the row.
            models.CheckConstraint(
                condition=Q(score__isnull=True)
                | (Q(score__gt=float("-inf")) & Q(score__lt=float("inf"))),
                name="predictions_prediction_score_finite",
            ),
            models.CheckConstraint(
                condition=Q(mislabeling__gt=float("-inf")) & Q(mislabeling__lt=float("inf")),
                name="predictions_prediction_mislabeling_finite",
            ),
        ]

    def __str__(self) -> str:
        return f"Prediction {self.pk}"
