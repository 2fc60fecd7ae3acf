"""The providers that answer: how to reach them, and calls to them that web requests wait for."""

from calendar import monthrange
from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User, Workspace


class Provider(models.TextChoices):
    """Who answers, all in OpenAI's chat protocol; `prompts.asking.providers` knows where."""

    OPENAI = "OpenAI", "OpenAI"
    AZURE_OPENAI = "AzureOpenAI", "AzureOpenAI"
    AZURE_AI_FOUNDRY = "AzureAIFoundry", "AzureAIFoundry"
    VERTEX_AI = "VertexAI", "VertexAI"
    GEMINI = "Gemini", "Gemini"
    ANTHROPIC = "Anthropic", "Anthropic"
    CUSTOM = "Custom", "Custom"  # vLLM, Ollama, LM Studio, a gateway


MONTHS = {"Monthly": 1, "Yearly": 12}


def _months_later(moment: datetime, months: int) -> datetime:
    """The same day so many months later, or the last one of a shorter month."""
    year, month = divmod(12 * moment.year + moment.month - 1 + months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


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

    @property
    def is_period_over(self) -> bool:
        """Whether the period whose dollars were counted last has ended. Without one, none does."""
        months = MONTHS.get(self.budget_reset_period or "")
        begun = self.budget_last_reset_date or self.created_at
        return months is not None and _months_later(begun, months) <= timezone.now()

    @property
    def spent_in_period(self) -> float:
        """USD of the period that it is now: none where the one that was counted is over, which
        stands in the row until the next dollar.
        """
        return 0.0 if self.is_period_over else self.budget_total_spent


class Trial(models.Model):  # noqa: DJ008 - never shown
    """A call to a provider that a web request waits for, until `lease_until` at most."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    lease_until = models.DateTimeField()
