"""How ML backends are called, and how they answered. The backends themselves are the store's."""

from django.db import models
from django.db.models import Q

from accounts.models import ApiToken, User
from predictions.models import MLBackend


class Endpoint(models.Model):
    """How a backend is called, and how it answered last: one row for each backend."""

    class State(models.TextChoices):
        CONNECTED = "CO", "Connected"
        DISCONNECTED = "DI", "Disconnected"
        ERROR = "ER", "Error"
        # These two are never stored: they are so while somebody trains or asks it.
        TRAINING = "TR", "Training"
        PREDICTING = "PR", "Predicting"

    class AuthMethod(models.TextChoices):
        NONE = "NONE", "None"
        BASIC_AUTH = "BASIC_AUTH", "Basic Auth"

    backend = models.OneToOneField(
        MLBackend, on_delete=models.CASCADE, primary_key=True, related_name="endpoint"
    )
    description = models.TextField(null=True, blank=True, default="")
    is_interactive = models.BooleanField(
        default=False, help_text="Asked while a person labels, one task at a time."
    )
    auto_update = models.BooleanField(
        default=True, help_text="The model version follows what the backend names."
    )
    auth_method = models.CharField(
        max_length=16, choices=AuthMethod, default=AuthMethod.NONE, help_text="How it is guarded."
    )
    basic_auth_user = models.TextField(null=True, blank=True, default="")
    encrypted_secrets = models.TextField(
        blank=True, default="", editable=False, help_text="Fernet token of the secrets as JSON."
    )
    extra_params = models.JSONField(
        null=True, blank=True, help_text="Sent with /setup; 2.x backends expect text."
    )
    timeout = models.FloatField(default=100.0, help_text="Seconds for an answer, all of it.")
    batch_size = models.PositiveIntegerField(
        null=True, blank=True, help_text="Tasks in one request; empty: the server's default."
    )
    max_concurrency = models.PositiveSmallIntegerField(
        default=1, help_text="Requests at once, over all jobs and workers."
    )
    send_access_token = models.BooleanField(
        default=False, help_text="Send a key of its own with which the backend may read."
    )
    access_key = models.ForeignKey(
        ApiToken, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    state = models.CharField(max_length=2, choices=State, default=State.CONNECTED)
    failing_since = models.DateTimeField(null=True, blank=True)
    error_message = models.TextField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    last_task_id = models.BigIntegerField(
        null=True, editable=False, help_text="Up to it tasks were there before, or had their job."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(max_concurrency__gte=1), name="backends_endpoint_concurrency_min"
            )
        ]

    def __str__(self) -> str:
        return str(self.backend)


class Training(models.Model):
    """A training that is asked for: one row while it waits or its request is out."""

    backend = models.OneToOneField(
        MLBackend, on_delete=models.CASCADE, primary_key=True, related_name="training"
    )
    is_again = models.BooleanField(default=False, help_text="Asked for once more meanwhile.")
    use_ground_truth = models.BooleanField(default=False)
    tries = models.PositiveSmallIntegerField(default=0, help_text="Requests that failed.")
    # With an owner its request is out; without one it waits until then.
    lease_owner = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    n_queued = models.PositiveSmallIntegerField(default=0)
    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Training of {self.backend_id}"
