"""People, workspaces, memberships and API keys."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

#: What stands behind the name of a service account.
SERVICE = " (service account)"
# First path segments of our own routes: a workspace of that name would be shadowed by them.
RESERVED_SLUGS = frozenset(
    {"api", "admin", "data", "docs", "static", "health", "ready", "metrics", "version"}
)

SCOPES = (
    "predictions:read",
    "predictions:write",
    "model-eval:read",
    "model-eval:write",
    "prompts:run",
    "admin",
)


class People(BaseUserManager["User"]):
    """Creates users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A saved user. Without a password they can use keys but not log in."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A user who may open every page of the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A person, known by e-mail address; or a service account, which is no person.

    A service account belongs to the one workspace that its address names, has keys, and cannot log
    in.
    """

    username = models.CharField(max_length=256, blank=True, default="")
    email = models.EmailField(unique=True)
    is_service = models.BooleanField(
        "service account", default=False, help_text="No person: has keys and cannot log in."
    )

    #: The role in each workspace by its id, where a session has read them along; no column.
    roles: "dict[int, str] | None" = None

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[People] = People()  # type: ignore[assignment]

    class Meta(AbstractUser.Meta):
        verbose_name = "person"
        verbose_name_plural = "people"
        constraints = [
            models.UniqueConstraint(Lower("email"), name="accounts_user_email_lower_uniq")
        ]

    def __str__(self) -> str:
        return self.first_name + SERVICE if self.is_service else self.email


def refuse_reserved_slug(slug: str) -> None:
    """Raises ValidationError for a name that is the first segment of one of our routes."""
    if slug in RESERVED_SLUGS:
        raise ValidationError(f'"{slug}" is reserved for the service itself.')


class Workspace(models.Model):
    """What one team owns; nothing in it is visible from another."""

    slug = models.CharField(
        max_length=100,
        unique=True,
        validators=[
            RegexValidator(
                r"^[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?$",
                "Use lower-case letters, digits, - and _; begin and end with a letter or digit.",
            ),
            refuse_reserved_slug,
        ],
        help_text="The name in addresses: lower-case letters, digits, - and _.",
    )
    title = models.CharField(max_length=200, blank=True, default="")
    legacy_api_tokens_enabled = models.BooleanField(
        default=True, help_text="Whether keys sent as `Authorization: Token` are accepted."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    members: "models.ManyToManyField[User, Membership]" = models.ManyToManyField(
        User,
        through="Membership",
        through_fields=("workspace", "user"),
        related_name="workspaces",
    )

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class Membership(models.Model):
    """One person's role in one workspace."""

    class Role(models.TextChoices):
        OWNER = "owner"  # writes, and manages members and keys
        MEMBER = "member"  # writes
        READER = "reader"  # reads only

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    created_at = models.DateTimeField(auto_now_add=True)
    added_by = models.ForeignKey(
        User,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who added them; none for whoever runs the service.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "workspace"], name="accounts_membership_user_workspace_uniq"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace} ({self.role})"


class ApiToken(models.Model):
    """A key of one person for one workspace. Only its SHA-256 digest is stored."""

    class Kind(models.TextChoices):
        KEY = "key"  # 40 hex characters, sent as `Token` or X-Api-Key
        REFRESH = "refresh"  # a signed refresh token, exchanged for short access tokens

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="api_tokens")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.KEY)
    name = models.CharField(max_length=200, blank=True, default="")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the key, hex.")
    preview = models.CharField(max_length=16, help_text="The key's first characters.")
    scopes = models.JSONField(
        null=True, blank=True, help_text="What the key may do; empty for everything."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    made_by = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="refresh_tokens",
        help_text="The key that made a refresh token, which ends with it; none for a session.",
    )

    class Meta:
        verbose_name = "API key"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "workspace"],
                condition=Q(kind="refresh", revoked_at__isnull=True),
                name="accounts_apitoken_live_refresh_uniq",
            )
        ]

    def __str__(self) -> str:
        return f"{self.preview}… of {self.user}"


class AuditEntry(models.Model):
    """One request of the audit trail, or one call of `manage.py`. Written once: the database
    refuses to change it, and to delete it while it is younger than AUDIT_DAYS.

    Has no foreign keys: what it names may be gone.
    """

    class Via(models.TextChoices):
        KEY = "key"
        SESSION = "session"  # somebody at the desk
        COMMAND = "command"  # manage.py
        NOBODY = "nobody"  # not logged in: a failed login, an unknown key

    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    workspace_id = models.BigIntegerField(null=True, help_text="None for those of no workspace.")
    actor_id = models.BigIntegerField(null=True, help_text="The user's id.")
    actor = models.CharField(max_length=254, help_text="E-mail address, or who ran manage.py.")
    via = models.CharField(max_length=10, choices=Via)
    token_id = models.BigIntegerField(null=True, help_text="The key's id.")
    action = models.CharField(max_length=50)
    target = models.CharField(max_length=300, blank=True, default="")
    details = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True, help_text="Where the request came from.")
    request_id = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        verbose_name_plural = "audit trail"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["workspace_id", "-id"], name="accounts_auditentry_newest_idx")
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target} by {self.actor}"
