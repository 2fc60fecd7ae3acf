"""Creates people and service accounts, creates and deletes workspaces."""

import re
from difflib import get_close_matches

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from accounts.models import ApiToken, Membership, User, Workspace

# A top-level domain that nobody can register: no person has such an address.
SERVICE_DOMAIN = "service.invalid"
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
