"""Creates people and removes workspaces. Everything else that does so calls this."""

from django.db import transaction

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


@transaction.atomic
def delete_workspace(workspace_id: int) -> None:
    """Removes a workspace with its keys and memberships; the database's own cascades remove its
    projects and all that is in them, of which Django's collector would load every row.
    """
    ApiToken.objects.filter(workspace_id=workspace_id).delete()
    Membership.objects.filter(workspace_id=workspace_id).delete()
    workspace = Workspace.objects.filter(pk=workspace_id)
    # What Django itself calls where it knows that nothing else must be loaded.
    workspace._raw_delete(workspace.db)
