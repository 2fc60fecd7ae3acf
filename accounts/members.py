"""Creates people and deletes workspaces."""

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


def delete_workspace(workspace: Workspace) -> None:
    """Deletes a workspace with its keys, memberships and projects.

    The database deletes the projects: Django would load each of their predictions first.
    """
    with transaction.atomic():
        ApiToken.objects.filter(workspace=workspace).delete()
        Membership.objects.filter(workspace=workspace).delete()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM accounts_workspace WHERE id = %s", [workspace.pk])
