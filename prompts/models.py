"""Prompts, their versions, the runs that predict with them, and the providers that answer.

Columns, constraints and indexes only; deletes cascade in the database itself (second migration).
Names are the wire's where Label Studio's client fixes them: `parent_model` is a version's prompt,
`model_version` a run's version. `project_id` stands on every table that grows with tasks.
"""

import uuid

from django.core.validators import MaxValueValidator, MinLengthValidator
from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property

from accounts.models import User, Workspace
from predictions.models import Prediction, Project, Task

MAX_INT32 = 2**31 - 1
#: Of one outcome's cost, and of the price of a million tokens: sums of them stay finite.
MAX_USD = 1e9
#: Of one outcome's time.
MAX_SECONDS = 1e9


class Provider(models.TextChoices):
    """Who answers, all in OpenAI's chat protocol; `prompts.asking.providers` knows where."""

    OPENAI = "OpenAI", "OpenAI"
    AZURE_OPENAI = "AzureOpenAI", "AzureOpenAI"
    AZURE_AI_FOUNDRY = "AzureAIFoundry", "AzureAIFoundry"
    VERTEX_AI = "VertexAI", "VertexAI"
    GEMINI = "Gemini", "Gemini"
    ANTHROPIC = "Anthropic", "Anthropic"
    CUSTOM = "Custom", "Custom"  # vLLM, Ollama, LM Studio, a gateway


class ProviderConnection(models.Model):
    """How to reach a provider, with which keys, how hard, and for how much money."""

    class Scope(models.TextChoices):
        ORGANIZATION = "Organization", "Organization"
        USER = "User", "User"
        MODEL = "Model", "Model"

    class ResetPeriod(models.TextChoices):
        MONTHLY = "Monthly", "Monthly"
        YEARLY = "Yearly", "Yearly"

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="provider_connections"
    )
    provider = models.CharField(max_length=255, choices=Provider, default=Provider.OPENAI)
    encrypted_secrets = models.TextField(
        blank=True, default="", editable=False, help_text="Fernet token of the keys as JSON."
    )
    deployment_name = models.CharField(max_length=512, null=True, blank=True)
    endpoint = models.CharField(max_length=512, null=True, blank=True)
    google_project_id = models.CharField(max_length=255, null=True, blank=True)
    google_location = models.CharField(max_length=255, null=True, blank=True)
    cached_available_models = models.CharField(max_length=4096, null=True, blank=True)
    scope = models.CharField(max_length=255, choices=Scope, default=Scope.ORGANIZATION)
    is_internal = models.BooleanField(default=False)
    budget_limit = models.FloatField(null=True, blank=True, help_text="USD in a period.")
    budget_alert_threshold = models.FloatField(null=True, blank=True)
    budget_total_spent = models.FloatField(default=0.0, help_text="USD in the current period.")
    budget_reset_period = models.CharField(
        max_length=10, choices=ResetPeriod, null=True, blank=True
    )
    budget_last_reset_date = models.DateTimeField(null=True, blank=True)
    prompt_price_usd_per_million = models.FloatField(null=True, blank=True)
    completion_price_usd_per_million = models.FloatField(null=True, blank=True)
    request_params = models.JSONField(
        default=dict, blank=True, help_text="Sent along with each request."
    )
    max_concurrency = models.PositiveIntegerField(
        default=32, help_text="Requests in flight at once, over all runs and workers."
    )
    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(max_concurrency__gte=1), name="prompts_connection_concurrency_min"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.endpoint or self.deployment_name or ''}".strip()


class Prompt(models.Model):
    """A task for a model, in versions."""

    class Skill(models.TextChoices):
        CLASSIFICATION = "TextClassification", "TextClassification"
        ENTITIES = "NamedEntityRecognition", "NamedEntityRecognition"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="prompts")
    title = models.CharField(max_length=500, help_text="Model name")
    description = models.TextField(null=True, blank=True, help_text="Model description")
    input_fields = models.JSONField(
        default=list, blank=True, help_text="Fields of a task's data that prompts may name."
    )
    output_classes = models.JSONField(default=list, blank=True)
    skill_name = models.CharField(max_length=255, choices=Skill, default=Skill.CLASSIFICATION)
    associated_projects: "models.ManyToManyField[Project, models.Model]" = models.ManyToManyField(
        Project, blank=True, related_name="prompts"
    )
    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.title


class PromptVersion(models.Model):
    """One wording of a prompt, and the model that reads it."""

    parent_model = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="versions")
    title = models.CharField(max_length=500, help_text="Model name")
    prompt = models.TextField(validators=[MinLengthValidator(1)], help_text="Prompt to execute")
    provider = models.CharField(max_length=255, choices=Provider, default=Provider.OPENAI)
    provider_model_id = models.CharField(max_length=255)
    model_provider_connection = models.ForeignKey(
        ProviderConnection,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="versions",
        help_text="Without one, an outside engine sends the answers.",
    )
    max_few_shot_examples = models.PositiveIntegerField(
        default=0, validators=[MaxValueValidator(MAX_INT32)]
    )
    few_shot_task_ids = models.JSONField(
        null=True, blank=True, help_text="The examples, in order; null: the oldest ground truths."
    )
    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.title

    @cached_property
    def full_title(self) -> str:
        """What stands in `model_version` of the predictions it makes."""
        return f"{self.parent_model.title}__{self.title}"


class ModelRun(models.Model):
    """One pass of a prompt version over tasks of a project. This row is the truth about it."""

    class Status(models.TextChoices):
        PENDING = "Pending", "Pending"  # nobody has begun
        IN_PROGRESS = "InProgress", "InProgress"  # a worker, or an outside engine, has begun
        COMPLETED = "Completed", "Completed"  # each task has an outcome, one a prediction
        FAILED = "Failed", "Failed"  # no task has a prediction, or a fault of the whole run
        CANCELED = "Canceled", "Canceled"  # a user ended it

    class Subset(models.TextChoices):
        ALL = "All", "All"
        HAS_GT = "HasGT", "HasGT"
        SAMPLE = "Sample", "Sample"
        CUSTOM = "Custom", "Custom"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="model_runs")
    model_version = models.ForeignKey(PromptVersion, on_delete=models.CASCADE, related_name="runs")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    status_reason = models.TextField(blank=True, default="", help_text="The status in words.")
    is_ours = models.BooleanField(
        default=False, help_text="Our worker executes it, not an outside engine."
    )
    project_subset = models.CharField(max_length=10, choices=Subset, default=Subset.HAS_GT)
    sample_subset_size = models.PositiveIntegerField(null=True, blank=True)
    filters_json = models.JSONField(null=True, blank=True)
    task_ids = models.JSONField(null=True, blank=True, help_text="Of a Custom run.")
    only_missing_predictions = models.BooleanField(default=False)
    source_model_run = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    job_id = models.CharField(max_length=255, null=True, blank=True)
    total_tasks = models.PositiveIntegerField(default=0)
    total_predictions = models.PositiveIntegerField(default=0)
    total_correct_predictions = models.PositiveIntegerField(default=0)
    total_failed = models.PositiveIntegerField(default=0)
    total_compared = models.PositiveIntegerField(
        default=0, help_text="Predictions whose task has a ground truth."
    )
    agreement_sum = models.FloatField(default=0.0, help_text="Of the compared predictions.")
    cost_usd = models.FloatField(default=0.0)
    measures = models.JSONField(
        null=True, editable=False, help_text="Tokens and seconds, once it has ended."
    )
    budget_usd = models.FloatField(null=True, blank=True, help_text="The run stops at this cost.")
    predictions_updated_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    triggered_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    # Until then somebody has it in hand, or the queue has; later it is queued again.
    lease_until = models.DateTimeField(null=True, blank=True)
    n_queued = models.PositiveSmallIntegerField(default=0)
    n_faults = models.PositiveSmallIntegerField(
        default=0, help_text="How many executors ended on an error of ours."
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            # The sweep for runs that nobody has in hand.
            models.Index(
                fields=["lease_until"],
                condition=Q(is_ours=True, status__in=["Pending", "InProgress"]),
                name="prompts_run_open_idx",
            )
        ]

    def __str__(self) -> str:
        return f"Run {self.pk} ({self.status})"


class RunItem(models.Model):
    """A task of a run: what is still to do, who has it in hand, and what came of it."""

    class Status(models.TextChoices):
        PENDING = "Pending", "Pending"
        CLAIMED = "Claimed", "Claimed"  # by `lease_owner`, until `lease_until`
        PREDICTED = "Predicted", "Predicted"
        FAILED = "Failed", "Failed"

    run = models.ForeignKey(
        ModelRun, on_delete=models.CASCADE, related_name="items", db_index=False
    )
    project = models.ForeignKey(
        Project, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="+")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often it was claimed.")
    lease_owner = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    agreement = models.FloatField(
        null=True, blank=True, help_text="With the ground truth, 0 to 1; null where there is none."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "task", "project"], name="prompts_runitem_run_task_uniq"
            )
        ]
        indexes = [
            # Claims in task order, expired claims, and whether a run has anything left.
            models.Index(
                fields=["run", "status", "task"],
                condition=Q(status__in=["Pending", "Claimed"]),
                name="prompts_runitem_open_idx",
            )
        ]

    def __str__(self) -> str:
        return f"Task {self.task_id} of run {self.run_id}"


class FailedPrediction(models.Model):
    """Why a task of a run has no prediction."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="failed_predictions")
    model_run = models.ForeignKey(
        ModelRun, on_delete=models.CASCADE, related_name="failures", db_index=False
    )
    model_version = models.ForeignKey(
        PromptVersion, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    message = models.TextField(blank=True, default="")
    error_type = models.CharField(max_length=512, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["project", "id"], name="prompts_failed_project_idx"),
            models.Index(fields=["model_run", "task"], name="prompts_failed_run_idx"),
            models.Index(fields=["model_version", "task"], name="prompts_failed_version_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.error_type} on task {self.task_id}"


class PredictionMeta(models.Model):
    """What one prediction or failure took: seconds, tokens, US dollars."""

    project = models.ForeignKey(
        Project, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    model_run = models.ForeignKey(ModelRun, on_delete=models.CASCADE, related_name="metas")
    prediction = models.ForeignKey(
        Prediction, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    failed_prediction = models.ForeignKey(
        FailedPrediction, null=True, blank=True, on_delete=models.CASCADE, related_name="metas"
    )
    inference_time = models.FloatField(null=True, blank=True, help_text="Seconds.")
    # Sums of what two tries took, and of both kinds.
    prompt_tokens_count = models.PositiveBigIntegerField(null=True, blank=True)
    completion_tokens_count = models.PositiveBigIntegerField(null=True, blank=True)
    total_tokens_count = models.PositiveBigIntegerField(null=True, blank=True)
    prompt_cost = models.FloatField(null=True, blank=True, help_text="USD.")
    completion_cost = models.FloatField(null=True, blank=True, help_text="USD.")
    total_cost = models.FloatField(null=True, blank=True, help_text="USD.")
    extra = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(prediction__isnull=False) ^ Q(failed_prediction__isnull=False),
                name="prompts_meta_of_one_outcome",
            )
        ]

    def __str__(self) -> str:
        return f"Cost of an outcome of run {self.model_run_id}"


class ConnectionShare(models.Model):
    """How many requests one executor of one run may have in flight on a connection."""

    connection = models.ForeignKey(
        ProviderConnection, on_delete=models.CASCADE, related_name="shares"
    )
    run = models.ForeignKey(ModelRun, on_delete=models.CASCADE, related_name="shares")
    owner = models.UUIDField(unique=True)
    slots = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.slots} of connection {self.connection_id}"


class Trial(models.Model):  # noqa: DJ008 - never shown
    """A call to a provider that a web request waits for, until `lease_until` at most."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    lease_until = models.DateTimeField()


class Refinement(models.Model):
    """A teacher model's better wording of a version, in the making or made."""

    class Status(models.TextChoices):
        PENDING = "Pending", "Pending"
        IN_PROGRESS = "InProgress", "InProgress"
        COMPLETED = "Completed", "Completed"
        FAILED = "Failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(PromptVersion, on_delete=models.CASCADE, related_name="refinements")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    teacher_model_name = models.CharField(max_length=255)
    teacher_connection = models.ForeignKey(
        ProviderConnection, on_delete=models.CASCADE, related_name="+"
    )
    new_version = models.ForeignKey(
        PromptVersion, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    reasoning = models.TextField(blank=True, default="")
    error = models.TextField(blank=True, default="")
    total_cost = models.FloatField(null=True, blank=True)
    # Until then the queue has it, or a worker in hand; later it is queued again.
    lease_until = models.DateTimeField(null=True, blank=True)
    n_queued = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often it was begun.")
    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Refinement of {self.version} ({self.status})"
