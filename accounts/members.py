"""Creates people, their passwords and service accounts, creates and deletes workspaces."""

import re
import secrets
from difflib import get_close_matches

from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts.models import ApiToken, Membership, User, Workspace

# A top-level domain that nobody can register: no person has such an address.
SERVICE_DOMAIN = "service.invalid"
#: Of a password that a command makes.
RANDOM_BYTES = 15
SERVICE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")


def person(email: str) -> User:
    """The user of an e-mail address, ignoring case; created without a password if new.

    ValidationError for text that is no address, and for a service account that does not exist.
    """
    known = User.objects.filter(email__iexact=email).first()
    if known is not None:
        return known
    if email.lower().endswith(f"@{SERVICE_DOMAIN}"):
        raise ValidationError({"email": ["There is no such service account."]})
    user = User(email=email.lower())
    user.set_unusable_password()
    user.full_clean()
    user.save()
    return user


def check_invited(email: str, *, by: User) -> None:
    """ValidationError unless `by` may add the person of that address to a workspace.

    Superusers only add themselves, and a service account stays in the workspace it was made for.
    """
    known = User.objects.filter(email__iexact=email).first()
    if known is not None and known.is_superuser and known.pk != by.pk:
        raise ValidationError("Superusers are not added by others.")
    if email.lower().endswith(f"@{SERVICE_DOMAIN}"):
        raise ValidationError("A service account stays in its workspace.")


def check_service_name(name: str) -> str:
    """The name as given. ValidationError unless it is up to 64 lower-case letters, digits, - and _,
    with a letter or digit at both ends.
    """
    if not SERVICE_NAME.fullmatch(name):
        raise ValidationError("A service account's name: up to 64 of a-z, 0-9, - and _.")
    return name


def service_account(name: str, workspace: Workspace) -> User:
    """The workspace's service account of that name, created if new. See `check_service_name`."""
    email = f"{check_service_name(name)}+{workspace.slug}@{SERVICE_DOMAIN}"
    known = User.objects.filter(email=email).first()
    if known is not None:
        return known
    user = User(email=email, first_name=name, is_service=True)
    user.set_unusable_password()
    user.full_clean()
    user.save()
    return user


def leave(membership: Membership) -> bool:
    """Ends a membership; False, and nothing changed, if no owner would be left."""
    with transaction.atomic():
        # Locks them all, so that two owners do not leave at once.
        kept = Membership.objects.select_for_update().filter(workspace=membership.workspace_id)
        roles = {row.pk: row.role for row in kept.order_by("pk")}
        others = [role for pk, role in roles.items() if pk != membership.pk]
        if membership.role == Membership.Role.OWNER and Membership.Role.OWNER not in others:
            return False
        membership.delete()
        return True


def workspace(slug: str, *, create: bool = False) -> Workspace:
    """The workspace of that name, created if there is none and `create` says so.

    ValidationError if there is none, with the name it may have been meant for, or if it is no name.
    """
    known = Workspace.objects.filter(slug=slug).first()
    if known is not None:
        return known
    if not create:
        slugs = Workspace.objects.order_by("slug").values_list("slug", flat=True)
        close = get_close_matches(slug, slugs, n=1)
        hint = f' Did you mean "{close[0]}"?' if close else ""
        raise ValidationError({"slug": [f'There is no workspace "{slug}".{hint}']})
    new = Workspace(slug=slug)
    new.full_clean()
    new.save()
    return new


def delete_workspace(workspace: Workspace) -> None:
    """Deletes a workspace with its keys, memberships and projects.

    The database deletes the projects: Django would load each of their predictions first.
    """
    with transaction.atomic():
        ApiToken.objects.filter(workspace=workspace).delete()
        Membership.objects.filter(workspace=workspace).delete()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM accounts_workspace WHERE id = %s", [workspace.pk])


def may_be_reset(whom: User, *, by: User) -> bool:
    """Whether `by` may give this person a link. Superusers may to everybody.

    Owners may to a member all of whose workspaces are theirs: with the link they could log in as
    that person, and see no more than they see already. Nobody else does for a superuser, and a
    service account has keys alone.
    """
    if whom.is_service or not whom.is_active:
        return False
    if by.is_superuser:
        return True
    owned = Membership.objects.filter(user=by, role=Membership.Role.OWNER).values("workspace_id")
    places = Membership.objects.filter(user=whom)
    return (
        not whom.is_superuser
        and whom.pk != by.pk
        and places.exists()
        and not places.exclude(workspace_id__in=owned).exists()
    )


def password_link(whom: User) -> str:
    """The path of the page on which the person sets a password; nobody is sent mail.

    It is of the account, its present password and its last login, so that it ends when it was used,
    when the person logs in, and after PASSWORD_RESET_TIMEOUT (three days).
    """
    uid = urlsafe_base64_encode(force_bytes(whom.pk))
    return reverse("set-password", args=[uid, default_token_generator.make_token(whom)])


def let_in(whom: User) -> None:
    """The person may log in at the desk, once there is a password."""
    User.objects.filter(pk=whom.pk, is_staff=False).update(is_staff=True)


@transaction.atomic
def new_password(whom: User) -> str:
    """A new random password, which is returned; sessions of the old one end."""
    password = secrets.token_urlsafe(RANDOM_BYTES)
    whom.set_password(password)
    User.objects.filter(pk=whom.pk).update(password=whom.password, is_staff=True)
    return password
