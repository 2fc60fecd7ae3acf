"""Creates people, creates and deletes workspaces."""

from difflib import get_close_matches

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from accounts.models import ApiToken, Membership, User, Workspace


def person(email: str) -> User:
    """The user of an e-mail address, ignoring case; created without a password if new.

    ValidationError for text that is no address.
    """
    known = User.objects.filter(email__iexact=email).first()
    if known is not None:
        return known
    user = User(email=email.lower())
    user.set_unusable_password()
    user.full_clean()
    user.save()
    return user


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
