"""Prompts, their versions, and better wordings of these."""

import uuid

from django.core.validators import MaxValueValidator, MinLengthValidator
from django.db import models
from django.utils.functional import cached_property

from accounts.models import User, Workspace
from predictions.models import Project
from prompts.models.connections import Provider, ProviderConnection

MAX_INT32 = 2**31 - 1


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
